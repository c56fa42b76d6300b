"""Migrations, run by Alembic from this package; Alembic is imported only when there is work."""

from importlib import import_module, resources

from sqlalchemy import Connection, inspect, text

from data_contracts.errors import Conflict

__all__ = ["HEAD", "downgrade", "is_current", "load_alembic", "upgrade"]

HEAD = "0011"  # the newest revision; a test holds it against the scripts
LOCK = 0x6F4F  # of PostgreSQL's advisory locks, taken to migrate


def is_current(connection: Connection) -> bool:
    """Whether the schema is at the newest revision; raises `Conflict` when a later version of oO made it."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    found = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
    if max(found, default="") > HEAD:
        raise Conflict(f"a later version of oO made this database (schema {max(found)}, {HEAD} is known); use that one")
    return found == [HEAD]


def load_alembic() -> None:
    """Pay for Alembic's import, so that no lock is held while it lasts."""
    import_module("alembic.command")


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Upgrade inside the caller's transaction: all steps or none, so an interrupted upgrade starts again cleanly."""
    _run(connection, "upgrade", revision)


def downgrade(connection: Connection, revision: str) -> None:
    """Go back to a revision, or to `base`, inside the caller's transaction."""
    _run(connection, "downgrade", revision)


def _run(connection: Connection, verb: str, revision: str) -> None:
    from alembic import command  # noqa: PLC0415 - a second of import that an up-to-date schema must not cost
    from alembic.config import Config  # noqa: PLC0415 - as above

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    with resources.as_file(resources.files(__package__)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.attributes["connection"] = connection
        getattr(command, verb)(config, revision)
