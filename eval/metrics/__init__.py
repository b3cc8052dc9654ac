"""Metrics: each a small function from outcomes to scores."""
