"""How the tables of the index came to be, one revision after the other."""
