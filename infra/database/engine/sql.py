"""SQL without the ORM: many rows in one statement, and `INSERT ... ON CONFLICT` for the dialect at hand.

An event costs a tenth of what it does through mapped objects. Statements are written with `?` and name our own columns
only; values are always bound. They run inside the session's transaction, so durability, locks and errors are those of
every other statement.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from infra.database.engine.table_base import Base

__all__ = ["Insert", "fetch", "insert_into", "write"]

Insert = sqlite.Insert | postgresql.Insert


def write(session: Session, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Execute a statement once for each row of values."""
    if rows:
        session.connection().exec_driver_sql(_dialect_form(session, statement), list(rows))


def fetch(session: Session, statement: str, values: tuple[Any, ...]) -> Sequence[Any]:
    """Return the rows of a question."""
    return session.connection().exec_driver_sql(_dialect_form(session, statement), values).fetchall()


def insert_into(session: Session, table: type[Base]) -> Any:
    """Return the session's own dialect's insert, which knows `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if _on_sqlite(session) else postgresql.insert(table)


def _dialect_form(session: Session, statement: str) -> str:
    return statement if _on_sqlite(session) else statement.replace("?", "%s")


def _on_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
