"""The truth in one SQLite file: what only SQLite needs."""
