"""Which documents stand in a generation: columns of numbers, without an object for each document."""
