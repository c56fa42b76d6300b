"""Alembic's entry: migrates on the connection that the caller handed over, in the caller's transaction."""

from alembic import context

from infra.database.all_tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
context.run_migrations()
