"""Deletes rows past their retention, in small transactions."""

from sqlalchemy import delete, select, tuple_, update

from infra.database.all_tables import Base
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["blank_older", "delete_older"]


def delete_older(uow: UnitOfWork, *, table: str, column: str, before_us: int, limit: int) -> int:
    """Delete at most `limit` rows of a table whose `column` lies before that, and return how many went."""
    known = Base.metadata.tables[table]
    key = list(known.primary_key)
    old = select(*key).where(known.c[column] < before_us).limit(limit)
    gone = uow.session.execute(delete(known).where(tuple_(*key).in_(old)).returning(key[0]))
    return len(gone.all())


def blank_older(uow: UnitOfWork, *, table: str, blank: str, column: str, before_us: int, limit: int) -> int:
    """Empty one column of at most `limit` rows whose `column` lies before that, and return how many were emptied."""
    known = Base.metadata.tables[table]
    key = list(known.primary_key)
    old = select(*key).where(known.c[column] < before_us, known.c[blank].is_not(None)).limit(limit)
    emptied = uow.session.execute(update(known).where(tuple_(*key).in_(old)).values({blank: None}).returning(key[0]))
    return len(emptied.all())
