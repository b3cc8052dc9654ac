"""Documents in: discover, parse, chunk, embed, commit."""
