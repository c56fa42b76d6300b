"""Policies and who rules: the registered ones, the champion's slot, comparisons in shadow, and the audit."""

from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from infra.database.tables.base import Base

__all__ = ["AuditRow", "ChampionSlotRow", "LearningReportRow", "PolicyRow", "ShadowComparisonRow"]


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
    """What an audit of learning found; people are in it without names."""

    __tablename__ = "learning_reports"
    __table_args__ = (Index("ix_learning_reports_at_us", "at_us"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    at_us: Mapped[int]
    body: Mapped[dict[str, Any]]


class AuditRow(Base):
    """Who changed what; a person appears only as a keyed hash."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at_us", "at_us"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    at_us: Mapped[int]
    actor: Mapped[str]
    action: Mapped[str]
    detail: Mapped[dict[str, Any]]
