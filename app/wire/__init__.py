"""Encoders: pure functions from events to the bytes of one dialect."""
