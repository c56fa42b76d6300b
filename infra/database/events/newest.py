"""The newest events without payloads, for watchers."""

from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from infra.database.all_tables import EventRow, PersonRow

__all__ = ["NewestEvent", "newest"]


class NewestEvent(NamedTuple):
    """That an event was committed: its place in the table, what and whose it is, never what it says."""

    sequence: int
    id: str
    person: str
    kind: str
    at_us: int
    received_us: int


def newest(session: Session, *, after: int, limit: int) -> list[NewestEvent]:
    """Return the newest events behind a sequence, in order, at most `limit`; of people who are leaving none."""
    columns = (EventRow.sequence, EventRow.id, EventRow.person, EventRow.kind, EventRow.at_us, EventRow.received_us)
    statement = (
        select(*columns)
        .join(PersonRow, PersonRow.person == EventRow.person)
        .where(EventRow.sequence > after, ~PersonRow.erasing)
        .order_by(EventRow.sequence.desc())
        .limit(limit)
    )
    return [NewestEvent(*row) for row in session.execute(statement)][::-1]
