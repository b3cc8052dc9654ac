"""What is known: documents, chunks and vectors, and the search over them."""
