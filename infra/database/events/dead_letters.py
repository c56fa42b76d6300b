"""Messages that the stream processor gave up on, with the reason. Their content stays in the mirror."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from infra.database.all_tables import DeadLetterRow, PersonRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["DeadLetter", "add", "mark_replayed", "standing", "total"]


class DeadLetter(NamedTuple):
    """One message: its place in the mirror, the hash and size of its bytes, the rule that it broke."""

    number: int
    person: str | None
    place: int
    digest: str
    size: int
    reason: str
    deliveries: int
    at_us: int


def add(
    uow: UnitOfWork, *, person: str, place: int, digest: str, size: int, reason: str, deliveries: int, at_us: int
) -> bool:
    """Keep one message's description, once; a person who is unknown here is not named."""
    known = uow.session.scalar(select(PersonRow.person).where(PersonRow.person == person))
    statement = insert_into(uow.session, DeadLetterRow).values(
        person=known, place=place, digest=digest, size=size, reason=reason, deliveries=deliveries, at_us=at_us
    )
    statement = statement.on_conflict_do_nothing(index_elements=["place", "digest"])
    return uow.session.execute(statement.returning(DeadLetterRow.number)).first() is not None


def standing(session: Session) -> list[DeadLetter]:
    """Return what was not replayed yet, oldest first."""
    columns = [getattr(DeadLetterRow, name) for name in DeadLetter._fields]
    statement = select(*columns).where(DeadLetterRow.replayed_us.is_(None)).order_by(DeadLetterRow.number)
    return [DeadLetter(*row) for row in session.execute(statement)]


def mark_replayed(uow: UnitOfWork, numbers: Sequence[int], *, at_us: int) -> None:
    """Note that what hindered these is gone."""
    uow.session.execute(update(DeadLetterRow).where(DeadLetterRow.number.in_(numbers)).values(replayed_us=at_us))


def total(session: Session) -> int:
    """Return how many stand."""
    statement = select(func.count()).select_from(DeadLetterRow).where(DeadLetterRow.replayed_us.is_(None))
    return session.scalar(statement) or 0
