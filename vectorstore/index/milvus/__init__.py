"""Milvus as a projection of the vectors, for more of them than one machine searches. It is never the truth, and holds no text."""
