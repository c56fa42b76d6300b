"""The fold as a process: tails the event table per person, keeps working state and served row up to date.

One transaction holds what changed of the working state, the head, and nothing else; the head's sequence is compared
before it is set, so two processors of one person are safe. The online row is written inside that transaction's lock,
before the commit: it is derived from events that are durable already, its version never goes back, and a person who
is being erased is refused by the lock, so no row of theirs can appear after the erasure.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from data_contracts.codec import Event
from data_contracts.errors import ErasedPerson, Malformed, NotFound
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId, to_us
from feature_repo.fold import StateRow, WorkingState, known_us
from feature_repo.online_tables import OnlineTables
from feature_repo.served_row import served_view
from flows.shares import EVERYBODY, Share
from infra.clock import Clock
from infra.crash_points import reach
from infra.database import events, working_state
from infra.database.engine import Database
from infra.database.working_state import FoldHead

CHUNK = 200  # events per transaction, so that no writer holds the file for more than about 5 ms
CAPACITY = 256  # people whose working state stays in memory
STRIPES = 64
ATTEMPTS = 5
logger = logging.getLogger(__name__)


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
class _Known:
    """A person's state in memory, the head that it stands for, and whether the online row is known to follow it."""

    state: WorkingState
    head: FoldHead
    online_follows: bool = False


@dataclass(slots=True)
class _Step:
    """What one chunk of events did to a state."""

    head: FoldHead
    changed: int = 0
    rows: dict[tuple[str, str], StateRow | None] = field(default_factory=dict)
    sources: set[Source] = field(default_factory=set)


class Stream:
    """Folds events into features; safe to call from several threads and to run in several processes."""

    def __init__(
        self,
        *,
        database: Database,
        online: OnlineTables,
        clock: Clock,
        capacity: int = CAPACITY,
    ) -> None:
        self._database = database
        self._online = online
        self._clock = clock
        self._capacity = capacity
        self._known: OrderedDict[PersonId, _Known] = OrderedDict()
        self._guard = threading.Lock()
        self._stripes = tuple(threading.Lock() for _ in range(STRIPES))

    def handle(self, published: Sequence[Event]) -> None:
        """Fold the people of freshly committed events: the subscriber of the bus."""
        for person in dict.fromkeys(PersonId(event.person) for event in published):
            self.fold_person(person)

    def fold_all(self, share: Share = EVERYBODY) -> Folded:
        """Fold everybody of a share who has unread events; one that cannot be read holds up its person only."""
        with self._database.read() as session:
            waiting = events.behind(session)
        total = Folded()
        for person in filter(share.holds, waiting):
            try:
                total = total.plus(self.fold_person(person))
            except Malformed as error:  # of a newer version, for example: it waits for who can read it
                logger.warning("a fold has to wait: %s", type(error).__name__)
                total = total.plus(Folded(failed=1))
        return total

    def fold_person(self, person: PersonId) -> Folded:
        """Fold a person's unread events, chunk by chunk; somebody who is gone is counted and leaves no trace."""
        total = Folded()
        with self._stripes[hash(person) % STRIPES]:
            try:
                while True:
                    step = self._fold_chunk(person)
                    total = total.plus(step)
                    if step.read < CHUNK:
                        return total
            except (ErasedPerson, NotFound):
                self.drop(person)
                return total.plus(Folded(gone=1))

    def refresh_person(self, person: PersonId) -> bool:
        """Fold, then write all views as of now, for the calendar's moving window; return false for who is gone."""
        for _ in range(ATTEMPTS):
            if self.fold_person(person).gone:
                return False
            with self._stripes[hash(person) % STRIPES]:
                known = self._take(person)
                known.online_follows = False
                head = known.head._replace(as_of_us=max(known.head.as_of_us, to_us(self._clock())))
                try:
                    if self._commit(person, known, _Step(head)):
                        return True
                except (ErasedPerson, NotFound):
                    return False
        return True  # another processor is ahead each time, and it writes the views

    def remembered(self) -> set[PersonId]:
        """Return whose working state is in memory."""
        with self._guard:
            return set(self._known)

    def drop(self, person: PersonId) -> None:
        """Forget what is in memory about a person."""
        with self._guard:
            self._known.pop(person, None)

    def _fold_chunk(self, person: PersonId) -> Folded:
        for _ in range(ATTEMPTS):
            known = self._take(person)
            with self._database.read() as session:
                unread = events.after(session, person, known.head.sequence, CHUNK)
            if not unread:
                self._keep(person, known)
                return Folded()
            step = advance(known.state, known.head, unread, to_us(self._clock()))
            if self._commit(person, known, step):
                return Folded(len(unread), step.changed)
        return Folded()  # another processor is ahead each time: the events are in good hands

    def _commit(self, person: PersonId, known: _Known, step: _Step) -> bool:
        """Write a step; return false, and keep nothing in memory, when the head has moved meanwhile."""
        with self._database.unit_of_work() as uow:
            working_state.lock(uow, person)
            if working_state.head(uow.session, person) != known.head:
                return False
            kept = [row for row in step.rows.values() if row is not None]
            working_state.save(uow, person, [_stored(row) for row in kept])
            working_state.forget_rows(uow, person, [key for key, row in step.rows.items() if row is None])
            working_state.set_head(uow, person, step.head)
            sources = step.sources if known.online_follows else CONSENT_SIGNALS
            views = {source: served_view(known.state, source, step.head.as_of_us) for source in sources}
            self._online.write(person, views, step.head.as_of_us, step.head.sequence)
            reach("before_fold_commit")
            uow.commit()
        self._keep(person, _Known(known.state, step.head, online_follows=True))
        return True

    def _take(self, person: PersonId) -> _Known:
        """Return the state and remove it from memory: whoever fails half way leaves nothing behind."""
        with self._guard:
            known = self._known.pop(person, None)
        if known is not None:
            return known
        with self._database.read() as session:
            head = working_state.head(session, person)
            rows = [StateRow.of(*row) for row in working_state.load(session, person)]
        return _Known(WorkingState.from_rows(rows), head)

    def _keep(self, person: PersonId, known: _Known) -> None:
        with self._guard:
            self._known[person] = known
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


def advance(state: WorkingState, head: FoldHead, unread: Iterable[events.Sequenced], now_us: int) -> _Step:
    """Apply events to `state`; return what is to be written."""
    step = _Step(head._replace(as_of_us=max(head.as_of_us, now_us)))
    for sequence, event in unread:
        changes = state.apply(event)
        step.changed += bool(changes)
        for change in changes:
            source = change.source.value
            step.rows[source, change.row.key] = change.row
            step.rows |= dict.fromkeys(((source, key) for key in change.dropped), None)
            step.sources.add(change.source)
        step.head = FoldHead(sequence, max(step.head.as_of_us, known_us(event)))
    return step


def _stored(row: StateRow) -> working_state.StateRow:
    return working_state.StateRow(row.source.value, row.key, row.at_us, row.event_id, row.payload)
