"""Applies events to a person's working state, and caches the states of the newest people."""

import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from cachetools import FIFOCache

from data_contracts.events.codec import Sequenced
from data_contracts.features import Source
from data_contracts.identifiers import PersonId
from data_contracts.state_rows import StoredRow
from feature_repo.state.fold import StateRow, WorkingState, known_us
from infra.database.engine.database import Database
from infra.database.events import working_state
from infra.database.events.working_state import FoldHead


class Folded(NamedTuple):
    """What folding did: events read, events that changed something, people who are gone, people who have to wait."""

    read: int = 0
    changed: int = 0
    gone: int = 0
    failed: int = 0

    def plus(self, other: "Folded") -> "Folded":
        """Return the sum of two."""
        return Folded(*map(sum, zip(self, other, strict=True)))


@dataclass(slots=True)
class Known:
    """A person's state in memory, the head that it stands for, and whether the online row is known to follow it."""

    state: WorkingState
    head: FoldHead
    online_follows: bool = False


@dataclass(slots=True)
class Step:
    """What one chunk of events did to a state."""

    head: FoldHead
    read: int = 0
    changed: int = 0
    rows: dict[tuple[str, str], StateRow | None] = field(default_factory=dict)
    sources: set[Source] = field(default_factory=set)

    @property
    def kept(self) -> list[StoredRow]:
        """What is to be written, in stored form."""
        return [row.stored for row in self.rows.values() if row is not None]

    @property
    def dropped(self) -> list[tuple[str, str]]:
        """The keys of what is to be deleted."""
        return [key for key, row in self.rows.items() if row is None]


def advance(state: WorkingState, head: FoldHead, unread: Iterable[Sequenced], now_us: int) -> Step:
    """Apply events to `state`; return what is to be written."""
    sequence, as_of_us = head.sequence, max(head.as_of_us, now_us)
    step = Step(head)
    for sequence, event in unread:  # noqa: B007 - the last one is the new head
        changes = state.apply(event)
        step.read += 1
        step.changed += bool(changes)
        for change in changes:
            source = change.source.value
            step.rows[source, change.row.key] = change.row
            for key in change.dropped:
                step.rows[source, key] = None
            step.sources.add(change.source)
        as_of_us = max(as_of_us, known_us(event))
    step.head = FoldHead(sequence, as_of_us)
    return step


class KnownStates:
    """The working states of the people who were folded last; safe between threads."""

    def __init__(self, database: Database, capacity: int) -> None:
        self._database = database
        self._known: FIFOCache[PersonId, Known] = FIFOCache(capacity)
        self._guard = threading.Lock()

    def take(self, people: Collection[PersonId]) -> dict[PersonId, Known]:
        """Return the states and remove them from the cache, so that a failure leaves no half-applied state in it."""
        with self._guard:
            taken = {person: self._known.pop(person) for person in people if person in self._known}
        absent = [person for person in people if person not in taken]
        if not absent:
            return taken
        with self._database.read() as session:
            heads = working_state.heads(session, absent)
            rows = working_state.load_all(session, absent)
        for person in absent:
            state = WorkingState.from_rows(map(StateRow.of, rows.get(person, ())))
            taken[person] = Known(state, heads[person])
        return taken

    def keep(self, person: PersonId, known: Known) -> None:
        """Put a state into memory; the one that was not folded for longest leaves when there are too many."""
        with self._guard:
            self._known[person] = known

    def drop(self, person: PersonId) -> None:
        """Forget what is in memory about a person."""
        with self._guard:
            self._known.pop(person, None)

    def __iter__(self) -> Iterator[PersonId]:
        """Iterate over who is in memory, the longest unused first."""
        with self._guard:
            return iter(list(self._known))
