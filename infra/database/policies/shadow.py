"""What challengers would have done, and the comparisons that a promotion needs as evidence."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.decisions import Origin
from data_contracts.identifiers import DecisionId, PolicyDigest
from infra.database.all_tables import DecisionRow, ShadowComparisonRow, ShadowDecisionRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = [
    "ShadowDecision",
    "add_comparison",
    "comparison",
    "comparisons",
    "of_policy",
    "record",
    "records_of",
    "unseen",
]


class ShadowDecision(NamedTuple):
    """One policy's view of one logged decision, as little-endian float64 arrays."""

    decision: DecisionId
    digest: PolicyDigest
    mu: bytes
    sigma: bytes
    probabilities: bytes


def record(uow: UnitOfWork, views: Sequence[ShadowDecision]) -> None:
    """Keep views, each once per decision and policy; every decision must exist."""
    if views:
        statement = insert_into(uow.session, ShadowDecisionRow).on_conflict_do_nothing(
            index_elements=["decision", "digest"]
        )
        uow.session.execute(statement, [view._asdict() for view in views])


def unseen(session: Session, digest: PolicyDigest, *, limit: int, origin: Origin = Origin.LIVE) -> list[bytes]:
    """Return the records of decisions of other policies that this one has not seen, oldest first."""
    seen = select(ShadowDecisionRow.decision).where(ShadowDecisionRow.digest == digest)
    statement = (
        select(DecisionRow.record)
        .where(DecisionRow.origin == origin.value, DecisionRow.policy_digest != digest)
        .where(DecisionRow.id.not_in(seen))
        .order_by(DecisionRow.id)
        .limit(limit)
    )
    return list(session.scalars(statement))


def records_of(session: Session, wanted: Sequence[DecisionId]) -> dict[DecisionId, bytes]:
    """Return the records of these decisions."""
    statement = select(DecisionRow.id, DecisionRow.record).where(DecisionRow.id.in_(wanted))
    return {DecisionId(name): record for name, record in session.execute(statement)}


def of_policy(session: Session, digest: PolicyDigest, *, after: str = "", limit: int) -> list[ShadowDecision]:
    """Return a policy's views by decision id from `after` on."""
    statement = (
        select(ShadowDecisionRow)
        .where(ShadowDecisionRow.digest == digest, ShadowDecisionRow.decision > after)
        .order_by(ShadowDecisionRow.decision)
        .limit(limit)
    )
    return [
        ShadowDecision(DecisionId(row.decision), PolicyDigest(row.digest), row.mu, row.sigma, row.probabilities)
        for row in session.scalars(statement)
    ]


def add_comparison(
    uow: UnitOfWork,
    *,
    comparison_id: str,
    challenger: PolicyDigest,
    incumbent: PolicyDigest,
    decisions: int,
    agreement: float,
    value_difference: float,
    at_us: int,
) -> None:
    """Keep the totals of one shadow run."""
    uow.session.add(
        ShadowComparisonRow(
            id=comparison_id,
            challenger=challenger,
            incumbent=incumbent,
            decisions=decisions,
            agreement=agreement,
            value_difference=value_difference,
            at_us=at_us,
        )
    )
    uow.session.flush()


def comparisons(
    session: Session, challenger: PolicyDigest, incumbent: PolicyDigest, *, limit: int = 100
) -> list[ShadowComparisonRow]:
    """Return the newest recorded comparisons of these two, in the order of time."""
    statement = (
        select(ShadowComparisonRow)
        .where(ShadowComparisonRow.challenger == challenger, ShadowComparisonRow.incumbent == incumbent)
        .order_by(ShadowComparisonRow.at_us.desc(), ShadowComparisonRow.id.desc())
        .limit(limit)
    )
    return list(reversed(session.scalars(statement).all()))


def comparison(session: Session, challenger: PolicyDigest, incumbent: PolicyDigest) -> ShadowComparisonRow | None:
    """Return the newest recorded comparison of these two, or None: then nothing may be promoted."""
    statement = (
        select(ShadowComparisonRow)
        .where(ShadowComparisonRow.challenger == challenger, ShadowComparisonRow.incumbent == incumbent)
        .order_by(ShadowComparisonRow.at_us.desc(), ShadowComparisonRow.id.desc())
        .limit(1)
    )
    return session.scalars(statement).one_or_none()
