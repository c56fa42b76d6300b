"""Takes snapshots of each day of the event log while it can still grow, and restores missing events from them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import NamedTuple

from data_contracts.errors import ErasedPerson, NotFound
from data_contracts.events.codec import StoredEvent, decode
from data_contracts.identifiers import PersonId, from_us
from feature_repo.history.snapshots import Manifest, Snapshots
from flows.context import FlowContext
from infra.database.events import events

__all__ = ["Restored", "Taken", "restore", "take"]

PAGE = 50_000  # events in memory at once
CHUNK = 200  # events per transaction
OPEN = timedelta(days=2)  # after it no transaction of that day is still under way


class Taken(NamedTuple):
    """What a run wrote, in counts."""

    days: int = 0
    events: int = 0


class Restored(NamedTuple):
    """What a restore found missing and put back, and whose events it may not have any more."""

    events: int = 0
    refused: int = 0


def take(context: FlowContext) -> Taken:
    """Write a snapshot of each day that has grown; two at once take turns, and the second finds nothing to do."""
    snapshots = Snapshots(context.settings.snapshots)
    taken = Taken()
    with snapshots.writing():
        known = snapshots.days()
        closed = _closed(known, context.clock())
        with context.database.read() as session:
            grown = events.by_day(session, closed)
        for day, (rows, last) in grown.items():
            manifest = known.get(day)
            # a clock that jumped leaves events of an open day among closed ones: they are carried over
            early = [row for row in snapshots.rows(day) if row.sequence <= closed] if manifest else []
            if manifest is None or (manifest.rows, manifest.last_sequence) != (rows + len(early), last):
                written = snapshots.write(day, chain([early] if early else [], _pages(context, day, closed)))
                taken = Taken(taken.days + 1, taken.events + written.rows)
    return taken


def restore(context: FlowContext) -> Restored:
    """Put back every event of the snapshots that the table does not have, and fold it.

    It gets a new place in the table; the fold does not depend on places. Erased people do not come back.
    """
    snapshots = Snapshots(context.settings.snapshots)
    done = Restored()
    for day in snapshots.days():
        by_person: dict[PersonId, list[StoredEvent]] = {}
        for row in snapshots.read(day):
            by_person.setdefault(PersonId(row.person), []).append(row)
        for person, rows in by_person.items():
            try:
                done = done._replace(events=done.events + _append(context, rows))
            except (ErasedPerson, NotFound):
                done = done._replace(refused=done.refused + len(rows))
            else:
                context.stream.fold_person(person)
    return done


def _append(context: FlowContext, rows: list[StoredEvent]) -> int:
    accepted = 0
    for start in range(0, len(rows), CHUNK):
        with context.database.unit_of_work() as uow:
            accepted += uow.record_all([decode(row.payload) for row in rows[start : start + CHUNK]]).count("accepted")
            uow.commit()
    return accepted


def _closed(known: Mapping[str, Manifest], now: datetime) -> int:
    """Return the last sequence of the snapshots that cannot grow any more."""
    return max((manifest.last_sequence for day, manifest in known.items() if _end(day) + OPEN <= now), default=0)


def _end(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)


def _pages(context: FlowContext, day: str, after: int) -> Iterator[list[StoredEvent]]:
    while True:
        with context.database.read() as session:
            page = events.stored(session, after, PAGE)
        mine = [row for row in page if f"{from_us(row.received_us):%Y-%m-%d}" == day]
        if mine:
            yield mine
        if len(page) < PAGE:
            return
        after = page[-1].sequence
