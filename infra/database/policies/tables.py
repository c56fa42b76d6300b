"""Tables of policies, the champion's slot, experiments, shadow comparisons and the audit log."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine.table_base import Base

__all__ = [
    "AuditChainRow",
    "AuditRow",
    "ChampionSlotRow",
    "ExperimentRow",
    "LearningReportRow",
    "PolicyRow",
    "ShadowComparisonRow",
]

RUNNING = text("ended_us IS NULL")


class PolicyRow(Base):
    """One registered policy, named by the digest of its manifest."""

    __tablename__ = "policies"
    __table_args__ = (CheckConstraint("stage IN ('registered', 'shadow', 'champion', 'retired')", name="stage"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    registry_version: Mapped[str | None]
    stage: Mapped[str]
    manifest: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    created_us: Mapped[int]


class ChampionSlotRow(Base):
    """Which policy decides; changed by compare-and-set on the revision."""

    __tablename__ = "champion_slot"

    slot: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str | None] = mapped_column(ForeignKey("policies.digest"))
    revision: Mapped[int]
    override_reason: Mapped[str | None]
    changed_us: Mapped[int]


class ExperimentRow(Base):
    """A challenger that decides on a share of all person-days; one runs at a time."""

    __tablename__ = "experiments"
    __table_args__ = (
        Index("ix_experiments_running", "slot", unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING),
        CheckConstraint("share > 0 AND share <= 0.5", name="share"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[str] = mapped_column(ForeignKey("champion_slot.slot"))
    champion: Mapped[str] = mapped_column(ForeignKey("policies.digest"))
    challenger: Mapped[str] = mapped_column(ForeignKey("policies.digest"))
    share: Mapped[float]
    began_us: Mapped[int]
    ends_us: Mapped[int]
    ended_us: Mapped[int | None]
    ended_why: Mapped[str | None]


class ShadowComparisonRow(Base):
    """The evidence of one shadow run, in totals."""

    __tablename__ = "shadow_comparisons"
    __table_args__ = (Index("ix_shadow_comparisons_challenger_at_us", "challenger", "at_us"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    challenger: Mapped[str]
    incumbent: Mapped[str]
    decisions: Mapped[int]
    agreement: Mapped[float]
    value_difference: Mapped[float]
    at_us: Mapped[int]


class LearningReportRow(Base):
    """A learning report; people are in it without names."""

    __tablename__ = "learning_reports"
    __table_args__ = (Index("ix_learning_reports_at_us", "at_us"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    at_us: Mapped[int]
    body: Mapped[dict[str, Any]]


class AuditRow(Base):
    """Who changed what; a person appears only as a keyed hash. `sequence`, `previous` and `mac` are its chain."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at_us", "at_us"), Index("ix_audit_sequence", "sequence", unique=True))

    id: Mapped[str] = mapped_column(primary_key=True)
    at_us: Mapped[int]
    actor: Mapped[str]
    action: Mapped[str]
    detail: Mapped[dict[str, Any]]
    sequence: Mapped[int | None]  # null only in rows that are not chained yet
    previous: Mapped[str | None]
    mac: Mapped[str | None]


class AuditChainRow(Base):
    """The state of the audit log's chain: its newest entry, the base that expiry left, and a MAC over both."""

    __tablename__ = "audit_chain"

    name: Mapped[str] = mapped_column(primary_key=True)
    chain: Mapped[str]
    key_id: Mapped[str]
    began_us: Mapped[int]
    adopted: Mapped[int]  # entries up to here were there before the chain began
    sequence: Mapped[int]
    mac: Mapped[str]
    base_sequence: Mapped[int]
    base_mac: Mapped[str]
    anchored: Mapped[int]
    seal: Mapped[str]
