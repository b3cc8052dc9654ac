"""Runs: a turn's execution, which clients watch, resume and stop."""
