"""How the tables of the records came to be as they are: one file a revision, in alembic's form, applied in order."""
