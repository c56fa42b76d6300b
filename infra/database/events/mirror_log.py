"""Which events are in the mirror, with their positions there, so that a loss is found and repaired."""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from infra.database.all_tables import EventRow, PersonRow
from infra.database.engine import sql
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = [
    "Lag",
    "Mirrored",
    "Waiting",
    "lag",
    "mark",
    "marked_among",
    "mirrored",
    "newest_place",
    "unmark_at",
    "unmark_between",
    "unmark_since",
    "waiting",
]

PAGE = 5_000
IN_ONE = 500  # places in one statement
WAITING = "SELECT sequence, person, id, kind, payload FROM events WHERE published_us IS NULL ORDER BY sequence LIMIT ?"
MARK = """
UPDATE events SET published_us = ?, mirror_sequence = sequence + ?
WHERE sequence BETWEEN ? AND ? AND published_us IS NULL
"""


class Waiting(NamedTuple):
    """An event that no mirror has acknowledged, as it is stored."""

    sequence: int
    person: str
    id: str
    kind: str
    payload: bytes


class Mirrored(NamedTuple):
    """An event that the mirror should have."""

    sequence: int
    person: str
    id: str
    payload: bytes
    received_us: int
    marked: bool


class Lag(NamedTuple):
    """How far the mirror is behind: events, and the age of the oldest of them."""

    events: int
    seconds: float


def waiting(session: Session, limit: int) -> list[Waiting]:
    """Return unmarked events, oldest first; a late commit with a low sequence is among them."""
    return [Waiting(*row) for row in sql.fetch(session, WAITING, (limit,))]


def mark(uow: UnitOfWork, places: Mapping[int, int], *, at_us: int) -> None:
    """Note where in the mirror events are, by their sequence; the first mark stays."""
    sql.write(uow.session, MARK, [(at_us, place - first, first, last) for first, last, place in _runs(places)])


def _runs(places: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """Yield (first event, last event, the first one's place) of stretches where both numbers grow by one."""
    first = last = place = 0
    for event, at in sorted(places.items()):
        if event == last + 1 and at - place == event - first:
            last = event
            continue
        if last:
            yield first, last, place
        first, last, place = event, event, at
    if last:
        yield first, last, place


def newest_place(session: Session) -> int:
    """Return the newest place that a mark names, or 0."""
    place = EventRow.mirror_sequence
    return session.scalar(select(func.max(place)).where(place.is_not(None))) or 0


def marked_among(session: Session, places: Collection[int]) -> list[int]:
    """Return which of these places a mark names."""
    asked = (select(EventRow.mirror_sequence).where(EventRow.mirror_sequence.in_(chunk)) for chunk in _chunks(places))
    return [place for one in asked for place in session.scalars(one) if place is not None]


def unmark_between(uow: UnitOfWork, place: int, last: int, *, since_us: int) -> int:
    """Take back the marks of places above `place` up to `last`: the mirror has lost them. Return how many."""
    named = EventRow.mirror_sequence
    return _unmark(uow, named > place, named <= last, EventRow.received_us >= since_us)


def unmark_at(uow: UnitOfWork, places: Collection[int]) -> int:
    """Take back the marks of these places: the mirror has lost them. Return how many."""
    return sum(_unmark(uow, EventRow.mirror_sequence.in_(chunk)) for chunk in _chunks(places))


def unmark_since(uow: UnitOfWork, since_us: int) -> int:
    """Take back the marks of everything that came in since then; return how many."""
    return _unmark(uow, EventRow.received_us >= since_us, EventRow.published_us.is_not(None))


def _unmark(uow: UnitOfWork, *which: ColumnElement[bool]) -> int:
    """Make events wait again, except those of people who are being erased."""
    leaving = select(PersonRow.person).where(PersonRow.erasing)
    statement = (
        update(EventRow)
        .where(*which, EventRow.person.not_in(leaving))
        .values(published_us=None, mirror_sequence=None)
        .returning(EventRow.sequence)
    )
    return len(uow.session.scalars(statement).all())


def _chunks(places: Collection[int]) -> Iterator[list[int]]:
    ordered = sorted(places)
    return (ordered[start : start + IN_ONE] for start in range(0, len(ordered), IN_ONE))


def lag(session: Session, now_us: int) -> Lag:
    """Return how far the mirror is behind."""
    statement = select(func.count(), func.min(EventRow.received_us)).where(EventRow.published_us.is_(None))
    count, oldest_us = session.execute(statement).one()
    return Lag(count, max(now_us - oldest_us, 0) / 1e6 if count else 0.0)


def mirrored(session: Session, since_us: int) -> Iterator[Mirrored]:
    """Yield every event that came in since then, in order."""
    after = 0
    marked = EventRow.published_us.is_not(None)
    columns = (EventRow.sequence, EventRow.person, EventRow.id, EventRow.payload, EventRow.received_us, marked)
    while True:
        statement = (
            select(*columns)
            .where(EventRow.sequence > after, EventRow.received_us >= since_us)
            .order_by(EventRow.sequence)
            .limit(PAGE)
        )
        page = [Mirrored(*row) for row in session.execute(statement)]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].sequence
