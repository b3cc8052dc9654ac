"""A trained support checker: its training pairs, its training, its export, its measurement."""
