"""Parsers, one per format, run in sandboxed worker processes."""
