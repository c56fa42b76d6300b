"""Serving as the API sees it, small and scripted; decisions and reactions are real rows of the real database."""

from dataclasses import dataclass, field
from datetime import timedelta

from data_contracts.answers import ReactionResult, Receipt, ReceiptFeature, Recommendation, TipView
from data_contracts.decisions import Trigger
from data_contracts.errors import Conflict, Unauthenticated
from data_contracts.identifiers import (
    CandidateId,
    ClusterId,
    DecisionId,
    PersonId,
    PolicyDigest,
    ReactionId,
    new_id,
    to_us,
)
from data_contracts.rewards import REWARDS, UNDO_WINDOW_S, Outcome, ReactionKind
from data_contracts.tips import TipKind, Topic
from infra.clock import Clock
from infra.database.decisions import decisions, reactions
from infra.database.decisions.writer import DecisionWriter, NewDecision
from infra.database.engine.database import Database
from infra.database.people import people

DIGEST = PolicyDigest("3f2a91bc" * 8)
TEXT = "50 free minutes before 15:00: finish 'quarterly report', due today."
FEATURES = (
    ReceiptFeature("tasks_due_today", 3.0, 0.21, "tasks", 60, masked=False),
    ReceiptFeature("free_gap_min", 50.0, 0.17, "calendar", 3_600, masked=False),
    ReceiptFeature("energy_last", 4.0, 0.08, "mood", 7_200, masked=False),
    ReceiptFeature("mood_last", 3.0, -0.04, "mood", 7_200, masked=False),
    ReceiptFeature("at_home", 0.0, 0.0, "context", -1, masked=True),
)
LEFT_OUT = "Your calendar was 8 days old and holds for 7 days, so it was left out."
RECEIPT = Receipt(0.37, False, DIGEST, posterior_version=12, seed=7, features=FEATURES, left_out=(LEFT_OUT,))


@dataclass(slots=True)
class FakeServing:
    """Recommender, reaction handler and receipts in one; `text` None is silence."""

    database: Database
    writer: DecisionWriter
    clock: Clock
    text: str | None = TEXT
    why: str = "It is due today, and it is your most important open task."
    reason: str = "chosen"
    fallback: str | None = None
    failure: Exception | None = None
    first: DecisionId | None = None
    epochs: list[int | None] = field(default_factory=list)
    active_tips: dict[PersonId, Recommendation] = field(default_factory=dict)

    async def recommend(
        self, person: PersonId, trigger: Trigger, *, session_epoch: int | None = None
    ) -> Recommendation:
        """Return the active tip again, or a new answer that is durable."""
        self.epochs.append(session_epoch)
        if self.failure is not None:
            raise self.failure
        with self.database.read() as session:
            if session_epoch is not None and people.get(session, person).session_epoch != session_epoch:
                raise Unauthenticated("this session was revoked")
        known = self.active_tips.get(person)
        if known is not None:
            return Recommendation(known.tip, known.decision_id, known.reason, repeated=True)
        row = self.decision(person, trigger, silent=self.text is None)
        await self.writer.submit(row)
        self.first = self.first or row.id
        answer = Recommendation(self._tip(), row.id, self.reason, fallback=self.fallback)
        if answer.tip is not None:
            self.active_tips[person] = answer
        return answer

    def decision(self, person: PersonId, trigger: Trigger = Trigger.OPEN, *, silent: bool = False) -> NewDecision:
        """Return a new row."""
        now = self.clock()
        expires_us = to_us(now + timedelta(hours=1))
        cluster = None if silent else ClusterId("finish")
        made = DecisionId(new_id(now))
        head = (made, person, to_us(now), DIGEST, "live", trigger.value, silent, cluster, None, None)
        return NewDecision(*head, expires_us, None, b"")

    def shown(self, person: PersonId, decision: DecisionId) -> bool:
        """Mark it in the database."""
        with self.database.unit_of_work() as uow:
            first = decisions.mark_shown(uow, person=person, decision=decision, at_us=to_us(self.clock()))
            uow.commit()
        return first

    def react(self, person: PersonId, decision: DecisionId, kind: ReactionKind, idempotency_key: str) -> ReactionResult:
        """Keep the reaction once a key."""
        reward = REWARDS[Outcome(kind)]
        now = self.clock()
        with self.database.unit_of_work() as uow:
            decisions.get(uow.session, person, decision)
            inserted = reactions.insert(
                uow,
                reaction=ReactionId(new_id(now)),
                decision=decision,
                person=person,
                kind=kind,
                at_us=to_us(now),
                reward=reward,
                idempotency_key=idempotency_key,
            )
            uow.commit()
        self.active_tips.pop(person, None)
        self.text, self.reason = (None, "resting") if inserted.fresh else (self.text, self.reason)
        return ReactionResult(inserted.fresh, reward, 1)

    def undo(self, person: PersonId, decision: DecisionId) -> ReactionResult:
        """Take the standing reaction back while it is young."""
        now_us = to_us(self.clock())
        with self.database.unit_of_work() as uow:
            decisions.get(uow.session, person, decision)
            standing = reactions.standing(uow.session, person, decision)
            if standing is None or now_us > standing.at_us + UNDO_WINDOW_S * 1_000_000:
                raise Conflict("there is nothing to undo any more")
            reactions.undo(uow, person=person, reaction=standing.id, at_us=now_us)
            uow.commit()
        self.text, self.reason = TEXT, "chosen"
        return ReactionResult(applied=True, reward=None, posterior_version=2)

    def receipt(self, person: PersonId, decision: DecisionId) -> Receipt:
        """Return the one receipt, for the owner only."""
        with self.database.read() as session:
            decisions.get(session, person, decision)
        return RECEIPT

    def _tip(self) -> TipView | None:
        if self.text is None:
            return None
        expires_at = self.clock() + timedelta(hours=1)
        why_now = "Your next meeting is at 15:00, and the gap before it is long enough."
        return TipView(CandidateId("c1"), self.text, TipKind.TODO, Topic.TASKS, 45, expires_at, self.why, why_now)
