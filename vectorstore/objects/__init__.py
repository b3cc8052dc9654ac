"""Object storage: what several machines share of originals, published projections and backups."""
