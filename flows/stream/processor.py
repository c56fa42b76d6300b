"""The stream processor: reads new events per person, and keeps working state and served row up to date.

One transaction holds what changed of the working state of some people, their heads, and nothing else; a head's
sequence is compared before it is set, so two processors of one person are safe. The online rows are written inside that
transaction's locks, before the commit: they are derived from events that are durable already, their version never goes
back, and a person who is being erased is refused by the lock, so no row of theirs can appear after the erasure.
"""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from data_contracts.errors import Malformed
from data_contracts.events.codec import Event, Sequenced
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import PersonId, to_us
from feature_repo.online import OnlineTables, ViewRow, view_rows
from feature_repo.state.served_row import served_view
from flows.stream.partitions import EVERYBODY, Share
from flows.stream.state_cache import Folded, Known, KnownStates, Step, advance
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.events import events, working_state
from infra.fault_injection import crash_point

__all__ = ["Folded", "Stream"]

CHUNK = 1_000  # events per transaction: its sync holds other writers up for longer than its rows do
TOGETHER = 32  # people whose folds share a transaction
CAPACITY = 256  # people whose working state stays in memory
STRIPES = 64
ATTEMPTS = 5
logger = logging.getLogger(__name__)


class _Round(NamedTuple):
    """What one transaction did: people with events left, and people whose events cannot be read."""

    folded: Folded
    left: list[PersonId]
    unreadable: dict[PersonId, Malformed]
    raced: bool


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
        self._known = KnownStates(database, capacity)
        self._stripes = tuple(threading.Lock() for _ in range(STRIPES))

    def handle(self, published: Sequence[Event]) -> None:
        """Fold the people of freshly committed events: the subscriber of the bus."""
        self.fold_people(PersonId(event.person) for event in published)

    def fold_all(self, share: Share = EVERYBODY) -> Folded:
        """Fold everybody of a share who has unread events."""
        with self._database.read() as session:
            waiting = events.behind(session)
        return self.fold_people(filter(share.holds, waiting))

    def fold_people(self, people: Iterable[PersonId]) -> Folded:
        """Fold these people's unread events, several in a transaction; one that cannot be read holds up only itself."""
        waiting = list(dict.fromkeys(people))
        total = Folded()
        for start in range(0, len(waiting), TOGETHER):
            folded, unreadable = self._fold(waiting[start : start + TOGETHER])
            for (
                error
            ) in unreadable.values():  # of a newer version, for example: they wait for a process that can read them
                logger.warning("a fold has to wait: %s", type(error).__name__)
            total = total.plus(folded)
        return total

    def fold_person(self, person: PersonId) -> Folded:
        """Fold a person's unread events, chunk by chunk; somebody who is gone is counted and leaves no trace.

        Raises `Malformed` for an event that cannot be read.
        """
        folded, unreadable = self._fold([person])
        if person in unreadable:
            raise unreadable[person]
        return folded

    def refresh_person(self, person: PersonId) -> bool:
        """Fold, then write all views as of now, for the calendar's moving window; return false for an erased person."""
        for _ in range(ATTEMPTS):
            if self.fold_person(person).gone:
                return False
            with self._holding([person]):
                known = self._known.take([person])[person]
                known.online_follows = False
                head = known.head._replace(as_of_us=max(known.head.as_of_us, to_us(self._clock())))
                alive, done = self._commit({person: known}, {person: Step(head)})
                if done:
                    return True
                if not alive:
                    return False
        return True  # another processor is ahead each time, and it writes the views

    def remembered(self) -> set[PersonId]:
        """Return whose working state is in memory."""
        return set(self._known)

    def drop(self, person: PersonId) -> None:
        """Forget what is in memory about a person."""
        self._known.drop(person)

    @contextmanager
    def _holding(self, people: Sequence[PersonId]) -> Iterator[None]:
        """Keep other threads from folding these people; everybody takes the stripes in the same order."""
        with ExitStack() as stack:
            for stripe in sorted({hash(person) % STRIPES for person in people}):
                stack.enter_context(self._stripes[stripe])
            yield

    def _fold(self, people: Sequence[PersonId]) -> tuple[Folded, dict[PersonId, Malformed]]:
        total, unreadable = Folded(), dict[PersonId, Malformed]()
        attempts, left = ATTEMPTS, list(people)
        with self._holding(people):
            while left and attempts:  # when another processor is ahead each time, it folds these events
                turn = self._turn(left)
                total = total.plus(turn.folded)
                unreadable |= turn.unreadable
                left = turn.left
                attempts -= turn.raced
        return total, unreadable

    def _turn(self, people: Sequence[PersonId]) -> _Round:
        """Fold about a chunk of these people's events in one transaction."""
        known = self._known.take(people)
        unread: dict[PersonId, list[Sequenced]] = {}
        unreadable: dict[PersonId, Malformed] = {}
        later: list[PersonId] = []
        room = CHUNK
        with self._database.read() as session:
            for person in people:
                if room <= 0:
                    later.append(person)
                    continue
                try:
                    unread[person] = events.after(session, person, known[person].head.sequence, room)
                except Malformed as error:
                    unreadable[person] = error
                    continue
                if len(unread[person]) == room:
                    later.append(person)
                room -= len(unread[person])
        now_us = to_us(self._clock())
        steps = {
            person: advance(known[person].state, known[person].head, new, now_us)
            for person, new in unread.items()
            if new
        }
        alive, done = self._commit(known, steps) if steps else (set[PersonId](), set[PersonId]())
        for person in people:
            if person not in steps and person not in unreadable:
                self._known.keep(person, known[person])
        gone = steps.keys() - alive
        raced = alive - done
        folded = Folded(
            sum(steps[person].read for person in done),
            sum(steps[person].changed for person in done),
            len(gone),
            len(unreadable),
        )
        left = [person for person in later if person not in gone]
        return _Round(folded, [*left, *(person for person in raced if person not in left)], unreadable, bool(raced))

    def _commit(
        self, known: Mapping[PersonId, Known], steps: Mapping[PersonId, Step]
    ) -> tuple[set[PersonId], set[PersonId]]:
        """Write steps; return who is here, and of these whose head was where we thought it was.

        The others' steps are not written, and nothing of them stays in memory.
        """
        kept = {person: step.kept for person, step in steps.items()}  # made before others have to wait for us
        views = {person: _views(person, known[person], step) for person, step in steps.items()}
        with self._database.unit_of_work() as uow:
            alive = working_state.lock_all(uow, list(steps))
            heads = working_state.heads(uow.session, alive)
            done = {
                person: step
                for person, step in steps.items()
                if person in alive and heads[person] == known[person].head
            }
            working_state.save(uow, [(person, row) for person in done for row in kept[person]])
            working_state.forget_rows(uow, [(person, *key) for person, step in done.items() for key in step.dropped])
            working_state.set_heads(uow, {person: step.head for person, step in done.items()})
            self._online.write_rows(row for person in done for row in views[person])
            crash_point("before_fold_commit")
            uow.commit()
        for person, step in done.items():
            self._known.keep(person, Known(known[person].state, step.head, online_follows=True))
        return alive, set(done)


def _views(person: PersonId, known: Known, step: Step) -> list[ViewRow]:
    """Return the packed views that a step changed, all of them when the stored ones may not follow the state."""
    sources = step.sources if known.online_follows else CONSENT_SIGNALS
    as_of_us, sequence = step.head.as_of_us, step.head.sequence
    views = {source: served_view(known.state, source, as_of_us) for source in sources}
    return view_rows(person, views, as_of_us, sequence)
