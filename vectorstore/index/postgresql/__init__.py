"""The truth in PostgreSQL: what only it needs."""
