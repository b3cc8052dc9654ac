"""Answers without a language model: which sentences answer, and whether any does."""
