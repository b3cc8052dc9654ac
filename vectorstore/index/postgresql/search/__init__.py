"""Search inside PostgreSQL, by pgvector and by words of our own, for replicas that hold no copy."""
