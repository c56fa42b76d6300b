"""Tables of decisions, reactions, blocks, and the person posteriors."""

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine.table_base import Base, Owner, OwnerKey

__all__ = [
    "ClusterBlockRow",
    "DecisionRow",
    "PersonPosteriorRow",
    "ReactionRow",
    "RewardChangeRow",
    "ShadowDecisionRow",
]

INTERRUPTIONS = text("trigger = 'unsolicited' AND NOT silent")
UNSETTLED = text("shown_us IS NOT NULL AND rewarded_us IS NULL")


class DecisionRow(Base):
    """One decision. The record comes last, so that what else is read lies on the row's first page."""

    __tablename__ = "decisions"
    __table_args__ = (
        Index("ix_decisions_person_at_us_id", "person", "at_us", "id"),
        Index(
            "ix_decisions_interruptions",
            "person",
            "at_us",
            sqlite_where=INTERRUPTIONS,
            postgresql_where=INTERRUPTIONS,
        ),
        Index("ix_decisions_follows", "follows", unique=True),
        Index("ix_decisions_unsettled", "shown_us", sqlite_where=UNSETTLED, postgresql_where=UNSETTLED),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    person: Mapped[Owner]
    at_us: Mapped[int]
    policy_digest: Mapped[str]
    origin: Mapped[str]
    trigger: Mapped[str]
    silent: Mapped[bool]
    cluster: Mapped[str | None]
    template: Mapped[str | None]
    subject: Mapped[str | None]
    expires_us: Mapped[int]
    shown_us: Mapped[int | None]
    closed_us: Mapped[int | None]
    closed_by: Mapped[str | None]
    outcome: Mapped[str | None]
    reward: Mapped[float | None]
    reward_version: Mapped[int | None]
    rewarded_us: Mapped[int | None]
    text_box: Mapped[bytes | None]
    record: Mapped[bytes]
    follows: Mapped[str | None]  # the decision before it, or the person for the first: of two that race one is refused


class ReactionRow(Base):
    """One answer of a person to one decision, applied once per idempotency key."""

    __tablename__ = "reactions"
    __table_args__ = (
        UniqueConstraint("person", "idempotency_key"),
        CheckConstraint("reward >= 0 AND reward <= 1", name="reward"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    decision: Mapped[str] = mapped_column(ForeignKey("decisions.id", ondelete="CASCADE"), index=True)
    person: Mapped[Owner]
    kind: Mapped[str]
    at_us: Mapped[int]
    reward: Mapped[float]
    idempotency_key: Mapped[str]
    undone_us: Mapped[int | None]


class RewardChangeRow(Base):
    """One change of a decision's reward, numbered per person; without a reward it was taken back."""

    __tablename__ = "reward_changes"
    __table_args__ = (CheckConstraint("reward >= 0 AND reward <= 1", name="reward"),)

    person: Mapped[OwnerKey]
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    decision: Mapped[str] = mapped_column(ForeignKey("decisions.id", ondelete="CASCADE"), index=True)
    outcome: Mapped[str | None]
    reward: Mapped[float | None]
    at_us: Mapped[int]
    changed_us: Mapped[int]


class ClusterBlockRow(Base):
    """Tips of one meaning stay away until then."""

    __tablename__ = "cluster_blocks"

    person: Mapped[OwnerKey]
    cluster: Mapped[str] = mapped_column(primary_key=True)
    until_us: Mapped[int]
    decision: Mapped[str | None]


class PersonPosteriorRow(Base):
    """A person's own part of one policy's posterior."""

    __tablename__ = "person_parts"

    person: Mapped[OwnerKey]
    policy_digest: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    latest_us: Mapped[int]
    latest_id: Mapped[str]
    updated_us: Mapped[int]
    payload: Mapped[bytes]


class ShadowDecisionRow(Base):
    """What another policy would have thought of the same moment."""

    __tablename__ = "shadow_decisions"

    decision: Mapped[str] = mapped_column(ForeignKey("decisions.id", ondelete="CASCADE"), primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    mu: Mapped[bytes]
    sigma: Mapped[bytes]
    probabilities: Mapped[bytes]
