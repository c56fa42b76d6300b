"""Rewards without a reaction: a tipped task that was completed, and the default after the wait window.

A tip that was never seen has no outcome and is never a reward.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from data_contracts.durations import SECOND_US
from data_contracts.errors import ConsentMissing, ErasedPerson, NotFound
from data_contracts.events.codec import Event, kind
from data_contracts.events.oo.events.v1 import signals_pb2
from data_contracts.features import Source
from data_contracts.identifiers import DecisionId, PersonId, to_us
from data_contracts.rewards import LATE_WINDOW_S, WAIT_WINDOW_S, Outcome
from infra.database.all_tables import DecisionRow
from infra.database.decisions import decisions, reactions
from infra.database.engine.database import Database, Session
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.events import events
from infra.database.events.outbox import lock_person
from infra.database.people import consents
from serving.feedback.reactions import SOURCE
from serving.feedback.reward_ledger import Change, apply, deciding_now
from serving.policy_cache.champion import ChampionHolder

WAIT_US = WAIT_WINDOW_S * SECOND_US
CHUNK = 100


class Completion(NamedTuple):
    """A subject was completed: a task done, a habit logged."""

    subject: str
    at_us: int


class Settled(NamedTuple):
    """What settling did: tips that got the default, and tips whose task turned out to be completed."""

    ignored: int = 0
    completed: int = 0


class Outcomes:
    """Gives seen tips the reward that no tap gave them; call it in a worker thread or a flow."""

    def __init__(self, database: Database, champion: ChampionHolder, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._champion = champion
        self._clock = clock

    def handle(self, published: Sequence[Event]) -> None:
        """Look for completions of tipped tasks among freshly committed events: a subscriber of the bus.

        An import of years costs one question for each completion of the last days, and a transaction only for a hit.
        """
        since_us = to_us(self._clock()) - LATE_WINDOW_S * SECOND_US
        found = ((event, completion_of(event)) for event in published)
        recent = [
            (PersonId(event.person), each) for event, each in found if each is not None and each.at_us >= since_us
        ]
        if not recent:
            return
        with self._database.read() as session:
            hits = [(person, each) for person, each in recent if _tipped(session, person, each)]
        for person, completion in hits:
            self.complete(person, completion)

    def complete(self, person: PersonId, completion: Completion) -> int:
        """Reward the seen tips about the subject that were inside their window; return how many."""
        now_us = to_us(self._clock())
        with self._database.unit_of_work() as uow:
            waiting = _tipped(uow.session, person, completion)
            if not waiting:
                return 0
            lock_person(uow.session, person, uow.tombstone)
            count = sum(self._completed(uow, person, decision, completion, now_us) for decision in waiting)
            uow.commit()
        return count

    def settle(self, limit: int = CHUNK) -> Settled:
        """Give seen tips without an answer their default once the wait window has passed; a tip each transaction."""
        now_us = to_us(self._clock())
        with self._database.read() as session:
            due = decisions.due_to_settle(session, shown_before_us=now_us - WAIT_US, limit=limit)
        total = Settled()
        for row in due:
            try:
                outcome = self._settle(PersonId(row.person), DecisionId(row.id), now_us)
            except (ErasedPerson, NotFound):  # gone meanwhile, and their decisions with them
                continue
            total = Settled(
                total.ignored + (outcome is Outcome.IGNORED), total.completed + (outcome is Outcome.COMPLETED)
            )
        return total

    def _settle(self, person: PersonId, decision: DecisionId, now_us: int) -> Outcome | None:
        with self._database.unit_of_work() as uow:
            lock_person(uow.session, person, uow.tombstone)
            row = decisions.get(uow.session, person, decision)
            if row.rewarded_us is not None or row.shown_us is None:
                return None
            completion = _missed_completion(uow, person, row)
            if completion is not None and self._completed(uow, person, decision, completion, now_us):
                uow.commit()
                return Outcome.COMPLETED
            change = Change(Outcome.IGNORED, row.shown_us + WAIT_US, now_us)
            apply(uow, row=row, change=change, learners=deciding_now(uow, self._champion, now_us))
            uow.commit()
            return Outcome.IGNORED

    def _completed(
        self, uow: UnitOfWork, person: PersonId, decision: DecisionId, completion: Completion, now_us: int
    ) -> bool:
        row = decisions.get(uow.session, person, decision)
        answered = reactions.standing(uow.session, person, decision) is not None
        if answered or row.outcome == Outcome.COMPLETED.value:
            return False
        decisions.close(uow, person=person, decision=decision, at_us=completion.at_us, by=Outcome.COMPLETED.value)
        event = Event(
            id=f"outcome:{decision}", person=person, at_us=completion.at_us, received_us=now_us, source=SOURCE
        )
        event.outcome_observed.decision = decision
        event.outcome_observed.cluster = row.cluster or ""
        event.outcome_observed.task = completion.subject
        uow.record(event)
        change = Change(Outcome.COMPLETED, completion.at_us, now_us)
        apply(uow, row=row, change=change, learners=deciding_now(uow, self._champion, now_us))
        return True


def _tipped(session: Session, person: PersonId, completion: Completion) -> list[DecisionId]:
    """Return the seen tips about a subject whose wait window the completion falls into."""
    found = decisions.open_tips_about(
        session, person=person, subject=completion.subject, shown_since_us=completion.at_us - WAIT_US
    )
    return [DecisionId(row.id) for row in found if (row.shown_us or 0) <= completion.at_us]


def completion_of(event: Event) -> Completion | None:
    """Return the completion that an event reports, if it does."""
    match kind(event):
        case "task_changed" if event.task_changed.state == signals_pb2.TASK_STATE_DONE:
            done = event.task_changed
            return Completion(done.task, done.completed_us if done.HasField("completed_us") else event.at_us)
        case "habit_logged":
            return Completion(event.habit_logged.habit, event.at_us)
        case _:
            return None


def _missed_completion(uow: UnitOfWork, person: PersonId, row: DecisionRow) -> Completion | None:
    """Return the completion inside the window that came through another process, for example an import."""
    if row.subject is None or row.shown_us is None:
        return None
    until_us = row.shown_us + WAIT_US
    for source in (Source.TASKS, Source.HABITS):
        try:
            consented = consents.require(uow.session, person, source)
        except ConsentMissing:  # then its facts are not looked at, and the tip counts as ignored
            continue
        for _, event in events.of_signal(uow.session, consented, row.shown_us, until_us + WAIT_US):
            found = completion_of(event)
            if found is not None and found.subject == row.subject and row.shown_us <= found.at_us <= until_us:
                return found
    return None
