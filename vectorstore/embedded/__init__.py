"""The store that needs no server: SQLite as the truth, FAISS and tantivy as projections."""
