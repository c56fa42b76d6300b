"""Handles a person's answers: shown, react, undo. Each is one transaction, with its event."""

from collections.abc import Callable
from datetime import datetime

from data_contracts.answers import ReactionResult
from data_contracts.durations import SECOND_US
from data_contracts.errors import Conflict
from data_contracts.events.codec import Event
from data_contracts.events.oo.events.v1 import facts_pb2
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, ReactionId, new_id, to_us
from data_contracts.rewards import LATE_WINDOW_S, REWARDS, UNDO_WINDOW_S, Outcome, ReactionKind
from infra.database.all_tables import DecisionRow, ReactionRow
from infra.database.decisions import decisions, reactions, reward_changes
from infra.database.engine.database import Database
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.events.outbox import lock_person
from infra.vault import Vault
from serving.feedback.reward_ledger import Change, apply, deciding_now
from serving.policy_cache.champion import ChampionHolder
from serving.recommend.decision_inputs import CLOSED_BY_REACTION
from serving.recommend.speaking_rules import BLOCK_S

SOURCE = "oo"
REACTIONS = {
    ReactionKind.DONE: facts_pb2.REACTION_DONE,
    ReactionKind.NOT_NOW: facts_pb2.REACTION_NOT_NOW,
    ReactionKind.NOT_FOR_ME: facts_pb2.REACTION_NOT_FOR_ME,
}


class ReactionHandler:
    """Takes what a person answered; call it in a worker thread.

    Every method raises `NotFound` for another person's decision and `ErasedPerson` for an erased person.
    """

    def __init__(
        self, database: Database, vault: Vault, champion: ChampionHolder, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._vault = vault
        self._champion = champion
        self._clock = clock

    def shown(self, person: PersonId, decision: DecisionId) -> bool:
        """Record that the tip was really seen; return whether this was the first time."""
        now_us = to_us(self._clock())
        with self._database.unit_of_work() as uow:
            lock_person(uow.session, person, uow.tombstone)
            first = _mark_shown(uow, decisions.get(uow.session, person, decision), now_us)
            uow.commit()
        return first

    def react(self, person: PersonId, decision: DecisionId, kind: ReactionKind, idempotency_key: str) -> ReactionResult:
        """Apply a reaction once per key.

        Raises `Conflict` for a silence, a decision that has its answer, one that is older than the late window, and a
        key that was used for something else.
        """
        now = self._clock()
        now_us = to_us(now)
        reward = REWARDS[Outcome(kind.value)]
        with self._database.unit_of_work() as uow:
            lock_person(uow.session, person, uow.tombstone)
            row = decisions.get(uow.session, person, decision)
            standing = reactions.standing(uow.session, person, decision)
            key = reactions.keyed(self._vault, person, idempotency_key)
            _check_open(row, standing, key, now_us)
            inserted = reactions.insert(
                uow,
                reaction=ReactionId(new_id(now)),
                decision=decision,
                person=person,
                kind=kind,
                at_us=now_us,
                reward=reward,
                idempotency_key=key,
            )
            if not inserted.fresh:
                kept = None if inserted.row.undone_us is not None else inserted.row.reward
                return ReactionResult(False, kept, reward_changes.version_of(uow.session, person))
            version = self._apply(uow, row, inserted.row, kind, now_us)
            uow.commit()
        return ReactionResult(True, reward, version)

    def undo(self, person: PersonId, decision: DecisionId) -> ReactionResult:
        """Take the reaction back; raises `Conflict` after the undo window or when there is nothing to undo."""
        now_us = to_us(self._clock())
        with self._database.unit_of_work() as uow:
            lock_person(uow.session, person, uow.tombstone)
            row = decisions.get(uow.session, person, decision)
            standing = reactions.standing(uow.session, person, decision)
            if standing is None:
                raise Conflict("there is no reaction to take back")
            if now_us - standing.at_us > UNDO_WINDOW_S * SECOND_US:
                raise Conflict(f"a reaction can be taken back for {UNDO_WINDOW_S} seconds")
            reactions.undo(uow, person=person, reaction=standing.id, at_us=now_us)
            reactions.unblock(uow, person=person, decision=decision)
            version = self._take_back(uow, row, now_us)
            event = _event(row, f"undone:{standing.id}", now_us)
            event.reaction_undone.decision = decision
            uow.record(event)
            uow.commit()
        return ReactionResult(True, None, version)

    def _apply(self, uow: UnitOfWork, row: DecisionRow, reaction: ReactionRow, kind: ReactionKind, now_us: int) -> int:
        person, decision = PersonId(row.person), DecisionId(row.id)
        _mark_shown(uow, row, now_us)  # who answers has seen it
        decisions.close(uow, person=person, decision=decision, at_us=None, by=None)
        decisions.close(uow, person=person, decision=decision, at_us=now_us, by=CLOSED_BY_REACTION)
        if kind in BLOCK_S and row.cluster is not None:
            until_us = now_us + BLOCK_S[kind] * SECOND_US
            reactions.block(uow, person=person, cluster=ClusterId(row.cluster), until_us=until_us, decision=decision)
        event = _event(row, f"reaction:{reaction.id}", now_us)
        event.reaction_received.decision = decision
        event.reaction_received.cluster = row.cluster or ""
        event.reaction_received.reaction = REACTIONS[kind]
        uow.record(event)
        learners = deciding_now(uow, self._champion, now_us)
        return apply(uow, row=row, change=Change(Outcome(kind.value), now_us, now_us), learners=learners)

    def _take_back(self, uow: UnitOfWork, row: DecisionRow, now_us: int) -> int:
        """Give the decision the reward that stood before the reaction, or none, and open it again."""
        person, decision = PersonId(row.person), DecisionId(row.id)
        before = reward_changes.of_decision(uow.session, person, decision)[:-1]
        outcome = Outcome(before[-1].outcome) if before and before[-1].outcome else None
        decisions.close(uow, person=person, decision=decision, at_us=None, by=None)
        if outcome is Outcome.COMPLETED:
            decisions.close(uow, person=person, decision=decision, at_us=before[-1].at_us, by=outcome.value)
        at_us = before[-1].at_us if outcome is not None else now_us
        learners = deciding_now(uow, self._champion, now_us)
        return apply(uow, row=row, change=Change(outcome, at_us, now_us), learners=learners)


def _check_open(row: DecisionRow, standing: ReactionRow | None, idempotency_key: str, now_us: int) -> None:
    if row.silent:
        raise Conflict("a silence cannot be answered")
    if standing is not None and standing.idempotency_key != idempotency_key:
        raise Conflict("this tip has its answer already")
    if standing is None and now_us - row.at_us > LATE_WINDOW_S * SECOND_US:
        raise Conflict("this tip is too old to be answered")


def _mark_shown(uow: UnitOfWork, row: DecisionRow, now_us: int) -> bool:
    person, decision = PersonId(row.person), DecisionId(row.id)
    if not decisions.mark_shown(uow, person=person, decision=decision, at_us=now_us):
        return False
    event = _event(row, f"shown:{row.id}", now_us)
    event.tip_shown.decision = decision
    event.tip_shown.cluster = row.cluster or ""
    event.tip_shown.unsolicited = row.trigger == "unsolicited"
    uow.record(event)
    return True


def _event(row: DecisionRow, name: str, now_us: int) -> Event:
    return Event(id=name, person=row.person, at_us=now_us, received_us=now_us, source=SOURCE)
