"""Judging by a language model, and how far to trust it."""
