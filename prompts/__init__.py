"""Prompt texts as files, and the loader that gives each a content hash."""
