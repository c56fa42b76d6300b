"""Every change of a reward, append-only and numbered per person: what a posterior version is computed from.

Version v of a person's posterior, under any policy, is computed from the rewards after the first v changes.
"""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from data_contracts.identifiers import DecisionId, PersonId
from data_contracts.rewards import Outcome
from infra.database.all_tables import DecisionRow, RewardChangeRow
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["Rewarded", "add", "of_decision", "standing", "version_of"]


class Rewarded(NamedTuple):
    """A decision with the reward that stood at a version, and its record."""

    decision: DecisionId
    at_us: int
    reward: float
    record: bytes


def add(
    uow: UnitOfWork,
    *,
    person: PersonId,
    decision: DecisionId,
    outcome: Outcome | None,
    reward: float | None,
    at_us: int,
    changed_us: int,
) -> int:
    """Append a change (with None a reward is taken back) and return its version; the person's row must be locked."""
    version = version_of(uow.session, person) + 1
    uow.session.add(
        RewardChangeRow(
            person=person,
            version=version,
            decision=decision,
            outcome=None if outcome is None else outcome.value,
            reward=reward,
            at_us=at_us,
            changed_us=changed_us,
        )
    )
    uow.session.flush()
    return version


def version_of(session: Session, person: PersonId) -> int:
    """Return the newest version, or 0."""
    statement = select(func.max(RewardChangeRow.version)).where(RewardChangeRow.person == person)
    return session.scalar(statement) or 0


def of_decision(session: Session, person: PersonId, decision: DecisionId) -> list[RewardChangeRow]:
    """Return every change of a decision's reward, oldest first."""
    statement = (
        select(RewardChangeRow)
        .where(RewardChangeRow.person == person, RewardChangeRow.decision == decision)
        .order_by(RewardChangeRow.version)
    )
    return list(session.scalars(statement))


def standing(session: Session, person: PersonId, version: int) -> list[Rewarded]:
    """Return the rewards as they stood after the first `version` changes, by (time, decision)."""
    newest = (
        select(RewardChangeRow.decision, func.max(RewardChangeRow.version).label("version"))
        .where(RewardChangeRow.person == person, RewardChangeRow.version <= version)
        .group_by(RewardChangeRow.decision)
        .subquery()
    )
    statement = (
        select(RewardChangeRow.decision, RewardChangeRow.at_us, RewardChangeRow.reward, DecisionRow.record)
        .join(newest, (RewardChangeRow.decision == newest.c.decision) & (RewardChangeRow.version == newest.c.version))
        .join(DecisionRow, DecisionRow.id == RewardChangeRow.decision)
        .where(RewardChangeRow.person == person, RewardChangeRow.reward.is_not(None))
        .order_by(RewardChangeRow.at_us, RewardChangeRow.decision)
    )
    rows = session.execute(statement)
    return [Rewarded(DecisionId(name), at_us, reward or 0.0, record) for name, at_us, reward, record in rows]
