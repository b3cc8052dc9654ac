"""The projections: dense and lexical, derived from the truth."""
