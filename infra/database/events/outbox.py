"""Inserts events into the event table, once each and in commit order per person."""

from collections.abc import Callable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.errors import ErasedPerson, Malformed, NotFound
from data_contracts.events.codec import Event, encode, kind
from data_contracts.identifiers import PersonId
from infra.database.all_tables import PersonRow, TombstoneRow
from infra.database.engine import sql
from infra.fault_injection import crash_point

__all__ = ["Admit", "insert", "lock_person"]

Tombstone = Callable[[PersonId], str] | None
Admit = Callable[[PersonRow, Sequence[Event]], None]
IDS = 500  # of one question, below SQLite's limits
INSERT = (
    "INSERT INTO events (id, person, kind, at_us, received_us, source, payload, published_us, mirror_sequence) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)"
)


def insert(
    session: Session,
    events: Sequence[Event],
    tombstone: Tombstone,
    admit: Admit | None = None,
    claimed: Mapping[str, str] | None = None,
) -> list[bool]:
    """Return for each event whether it is new; a duplicate changes nothing.

    `claimed` gives the ids that callers chose, by those of the events, which are keyed hashes: a person who was here
    before that has events that bear them in clear. `admit` may refuse what a person, locked by then, brings. Raises
    `Malformed` for an event without id or body, what `lock_person` and what `admit` raise.
    """
    rows = [_row(event) for event in events]
    known: set[tuple[str, str]] = set()
    for person, theirs in sorted(_by_person(events).items()):
        locked = lock_person(
            session, PersonId(person), tombstone
        )  # so no other transaction adds one of these meanwhile
        if admit is not None:
            admit(locked, theirs)
        known |= _known(session, person, [event.id for event in theirs])
        if claimed and locked.clear_ids:
            known |= _known_in_clear(session, person, [event.id for event in theirs], claimed)
    accepted = [_is_first(known, event) for event in events]
    crash_point("before_insert")
    sql.write(session, INSERT, [row for row, new in zip(rows, accepted, strict=True) if new])
    crash_point("after_insert")
    return accepted


def _by_person(events: Sequence[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.person, []).append(event)
    return found


def _known(session: Session, person: str, ids: Sequence[str]) -> set[tuple[str, str]]:
    """Return which of the ids are in the table."""
    known: set[tuple[str, str]] = set()
    for start in range(0, len(ids), IDS):
        some = ids[start : start + IDS]
        statement = f"SELECT id FROM events WHERE person = ? AND id IN ({', '.join('?' * len(some))})"  # noqa: S608 - question marks of our own
        known.update((person, event_id) for (event_id,) in sql.fetch(session, statement, (person, *some)))
    return known


def _known_in_clear(
    session: Session, person: str, ids: Sequence[str], claimed: Mapping[str, str]
) -> set[tuple[str, str]]:
    """Return which of the ids are in the table as the caller chose them."""
    chosen = {claimed[event_id]: event_id for event_id in ids if event_id in claimed}
    return {(person, chosen[found]) for _, found in _known(session, person, list(chosen))}


def _is_first(known: set[tuple[str, str]], event: Event) -> bool:
    """Whether an event is new; of equal events of one batch only the first is."""
    key = (event.person, event.id)
    if key in known:
        return False
    known.add(key)
    return True


def lock_person(session: Session, person: PersonId, tombstone: Tombstone) -> PersonRow:
    """Return the person's row, locked until the end of the transaction.

    The lock keeps a person's sequence numbers in commit order where several transactions write at once, so a reader
    that goes by sequence misses nothing. Raises `ErasedPerson` or `NotFound`.
    """
    statement = select(PersonRow).where(PersonRow.person == person).with_for_update(key_share=True)
    row = session.scalars(statement).one_or_none()
    if row is not None and not row.erasing:
        return row
    erased = row is not None or (tombstone is not None and session.get(TombstoneRow, tombstone(person)) is not None)
    if erased:
        raise ErasedPerson("this person was erased; nothing about them is accepted any more")
    raise NotFound("there is no such person")


def _row(event: Event) -> tuple[object, ...]:
    if not event.id or not event.person:
        raise Malformed("an event needs an id and a person")
    return (event.id, event.person, kind(event), event.at_us, event.received_us, event.source, encode(event))
