"""Alembic's entry point: migrates on the caller's connection, in the caller's transaction."""

from alembic import context

from infra.database.all_tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
