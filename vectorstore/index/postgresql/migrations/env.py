"""Run by alembic: applies revisions on the connection that `migrate.py` hands over, in one transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="migrations")
context.run_migrations()
