"""`INSERT ... ON CONFLICT` for the dialect at hand."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from infra.database.engine.table_base import Base

__all__ = ["Insert", "insert_into"]

Insert = sqlite.Insert | postgresql.Insert


def insert_into(session: Session, table: type[Base]) -> Any:
    """Return the session's own dialect's insert, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)
