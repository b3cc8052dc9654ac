"""Embedders and what else runs on tokens."""
