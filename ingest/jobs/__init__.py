"""Documents that wait in PostgreSQL for a worker on any machine."""
