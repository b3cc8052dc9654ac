"""The truth: SQLite, sealed."""
