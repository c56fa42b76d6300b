"""Events: stored once each, read in order per person."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import and_, exists, func, select
from sqlalchemy.orm import Session

from data_contracts.durations import DAY_US
from data_contracts.errors import ConsentMissing
from data_contracts.events.codec import Event, Sequenced, StoredEvent, decode, kind
from data_contracts.identifiers import PersonId, from_us
from data_contracts.signals.kinds import SIGNALS
from infra.database.all_tables import EventRow, FoldHeadRow, PersonRow
from infra.database.engine import sql
from infra.database.engine.unit_of_work import Appended, UnitOfWork
from infra.database.people.consents import Consented, bit

__all__ = [
    "Unread",
    "after",
    "append",
    "behind",
    "by_day",
    "of_signal",
    "of_source",
    "stored",
    "unread",
]


AFTER = "SELECT sequence, payload FROM events WHERE person = ? AND sequence > ? ORDER BY sequence LIMIT ?"


class Unread(NamedTuple):
    """Events that no fold has read, and when the oldest of them came in."""

    events: int
    oldest_us: int


def append(uow: UnitOfWork, events: Sequence[Event], claimed: Mapping[str, str] | None = None) -> list[Appended]:
    """Take in events from outside, each at most once per (person, id); a duplicate changes nothing.

    `claimed` gives the ids that callers chose, by those of the events: an event of before may bear one of them.

    All or nothing: raises `ConsentMissing` when a signal's consent is missing, `ErasedPerson` or `NotFound` for a
    person who is gone or never was, `Malformed` for an event without id or body.
    """
    return uow.record_all(events, _require_consent, claimed)


def _require_consent(person: PersonRow, events: Sequence[Event]) -> None:
    needed = {kind(event) for event in events} & SIGNALS.keys()
    missing = sorted({SIGNALS[name].source for name in needed if not person.consent_mask & bit(SIGNALS[name].source)})
    if missing:
        raise ConsentMissing(f"there is no consent to {', '.join(missing)}")


def after(session: Session, person: PersonId, sequence: int, limit: int) -> list[Sequenced]:
    """Return the person's events behind `sequence`, in order, at most `limit`."""
    return [
        Sequenced(number, decode(payload)) for number, payload in sql.fetch(session, AFTER, (person, sequence, limit))
    ]


def of_signal(session: Session, consented: Consented, since_us: int, until_us: int) -> list[Sequenced]:
    """Return a consented signal's events with event time in [since_us, until_us), by (event time, id)."""
    kinds = [name for name, contract in SIGNALS.items() if contract.source == consented.signal]
    statement = (
        select(EventRow.sequence, EventRow.payload)
        .where(EventRow.person == consented.person, EventRow.kind.in_(kinds))
        .where(EventRow.at_us >= since_us, EventRow.at_us < until_us)
        .order_by(EventRow.at_us, EventRow.id)
    )
    return [Sequenced(number, decode(payload)) for number, payload in session.execute(statement)]


def of_source(session: Session, person: PersonId, source: str) -> list[Event]:
    """Return everything that was accepted from one source of a person, in order of arrival."""
    statement = (
        select(EventRow.payload).where(EventRow.person == person, EventRow.source == source).order_by(EventRow.sequence)
    )
    return [decode(payload) for payload in session.scalars(statement)]


def behind(session: Session) -> list[PersonId]:
    """Return the people whose fold has not yet read all of their events; one probe of an index per person."""
    read = func.coalesce(FoldHeadRow.sequence, 0)
    unread = exists().where(EventRow.person == PersonRow.person, EventRow.sequence > read)
    statement = (
        select(PersonRow.person)
        .outerjoin(FoldHeadRow, FoldHeadRow.person == PersonRow.person)
        .where(unread, ~PersonRow.erasing)
        .order_by(PersonRow.person)
    )
    return [PersonId(person) for person in session.scalars(statement)]


def by_day(session: Session, after: int) -> dict[str, tuple[int, int]]:
    """Return the number of events behind that sequence, and the last one, by day of arrival, without who is erased."""
    day = EventRow.received_us // DAY_US
    statement = (
        select(day, func.count(), func.max(EventRow.sequence))
        .join(PersonRow, PersonRow.person == EventRow.person)
        .where(EventRow.sequence > after, ~PersonRow.erasing)
        .group_by(day)
        .order_by(day)
    )
    return {f"{from_us(number * DAY_US):%Y-%m-%d}": (count, last) for number, count, last in session.execute(statement)}


def stored(session: Session, after: int, limit: int) -> list[StoredEvent]:
    """Return rows behind a sequence, as they are stored and in order, without who is being erased."""
    row = EventRow
    statement = (
        select(row.person, row.sequence, row.id, row.kind, row.at_us, row.received_us, row.source, row.payload)
        .join(PersonRow, PersonRow.person == row.person)
        .where(row.sequence > after, ~PersonRow.erasing)
        .order_by(row.sequence)
        .limit(limit)
    )
    return [StoredEvent(*found) for found in session.execute(statement)]


def unread(session: Session) -> Unread:
    """Return how far all folds together are behind."""
    behind_head = and_(EventRow.person == PersonRow.person, EventRow.sequence > func.coalesce(FoldHeadRow.sequence, 0))
    statement = (
        select(func.count(), func.min(EventRow.received_us))
        .select_from(PersonRow)
        .outerjoin(FoldHeadRow, FoldHeadRow.person == PersonRow.person)
        .join(EventRow, behind_head)
        .where(~PersonRow.erasing)
    )
    count, oldest_us = session.execute(statement).one()
    return Unread(count, oldest_us or 0)
