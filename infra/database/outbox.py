"""Puts events into the event table, once each and in commit order per person."""

from collections.abc import Callable, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.codec import Event, encode, kind
from data_contracts.errors import ErasedPerson, Malformed, NotFound
from data_contracts.identifiers import PersonId
from infra.crash_points import reach
from infra.database.tables import EventRow, PersonRow, TombstoneRow
from infra.database.upsert import insert_into

__all__ = ["insert", "lock_person"]

Tombstone = Callable[[PersonId], str] | None


def insert(session: Session, events: Sequence[Event], tombstone: Tombstone) -> list[bool]:
    """Return for each event whether it is new; a duplicate changes nothing.

    Raises `Malformed` for an event without id or body, and what `lock_person` raises.
    """
    rows = [_row(event) for event in events]
    for person in sorted({event.person for event in events}):
        lock_person(session, PersonId(person), tombstone)
    if not rows:
        return []
    statement = insert_into(session, EventRow).on_conflict_do_nothing(index_elements=["person", "id"])
    reach("before_insert")
    inserted = session.execute(statement.returning(EventRow.person, EventRow.id), rows)
    reach("after_insert")
    new = {(person, event_id) for person, event_id in inserted}
    return [_take(new, event) for event in events]


def _take(new: set[tuple[str, str]], event: Event) -> bool:
    """Let only the first of equal events of one batch be the new one."""
    key = (event.person, event.id)
    if key not in new:
        return False
    new.remove(key)
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


def _row(event: Event) -> dict[str, object]:
    if not event.id or not event.person:
        raise Malformed("an event needs an id and a person")
    return {
        "id": event.id,
        "person": event.person,
        "kind": kind(event),
        "at_us": event.at_us,
        "received_us": event.received_us,
        "source": event.source,
        "payload": encode(event),
        "published_us": None,
    }
