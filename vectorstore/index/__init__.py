"""The store that needs no server: SQLite as the truth, a vector and a word index as projections."""
