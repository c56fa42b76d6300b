"""Updates of stored decisions: shown, closed, rewarded. `infra.database.decisions.writer` inserts them."""

from collections.abc import Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session, defer

from data_contracts.decisions import Origin
from data_contracts.errors import NotFound
from data_contracts.identifiers import DecisionId, PersonId, PolicyDigest
from data_contracts.rewards import REWARD_TABLE_VERSION, Outcome
from infra.database.all_tables import DecisionRow
from infra.database.decisions.writer import NewDecision
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = [
    "add_lived",
    "close",
    "due_to_settle",
    "get",
    "mark_shown",
    "newest",
    "open_tips_about",
    "records_between",
    "set_outcome",
    "settled_between",
]


def get(session: Session, person: PersonId, decision: DecisionId) -> DecisionRow:
    """Return the decision; raises `NotFound` for an unknown one and for another person's."""
    statement = select(DecisionRow).where(DecisionRow.id == decision, DecisionRow.person == person)
    row = session.scalars(statement).one_or_none()
    if row is None:
        raise NotFound("there is no such decision")
    return row


def newest(session: Session, person: PersonId, limit: int = 1) -> list[DecisionRow]:
    """Return the newest decisions, newest first."""
    statement = (
        select(DecisionRow)
        .where(DecisionRow.person == person)
        .order_by(DecisionRow.at_us.desc(), DecisionRow.id.desc())
        .limit(limit)
    )
    return list(session.scalars(statement))


def mark_shown(uow: UnitOfWork, *, person: PersonId, decision: DecisionId, at_us: int) -> bool:
    """Note that a tip was seen and return whether this was the first time; raises `NotFound`, also for a silence."""
    statement = (
        update(DecisionRow)
        .where(DecisionRow.id == decision, DecisionRow.person == person)
        .where(~DecisionRow.silent, DecisionRow.shown_us.is_(None))
        .values(shown_us=at_us)
        .returning(DecisionRow.id)
    )
    if uow.session.execute(statement).first() is not None:
        return True
    if get(uow.session, person, decision).silent:
        raise NotFound("a silence cannot be shown")
    return False


def close(uow: UnitOfWork, *, person: PersonId, decision: DecisionId, at_us: int | None, by: str | None) -> bool:
    """Close an active tip, or with `at_us` None open it again; return whether anything changed."""
    changes = DecisionRow.closed_us.is_(None) if at_us is not None else DecisionRow.closed_us.is_not(None)
    statement = (
        update(DecisionRow)
        .where(DecisionRow.id == decision, DecisionRow.person == person, changes)
        .values(closed_us=at_us, closed_by=by)
        .returning(DecisionRow.id)
    )
    return uow.session.execute(statement).first() is not None


def due_to_settle(session: Session, *, shown_before_us: int, limit: int) -> list[DecisionRow]:
    """Return shown tips without any reward whose wait window has passed, longest waiting first, without records."""
    statement = (
        select(DecisionRow)
        .where(DecisionRow.shown_us.is_not(None), DecisionRow.rewarded_us.is_(None))
        .where(DecisionRow.shown_us <= shown_before_us)
        .order_by(DecisionRow.shown_us, DecisionRow.id)
        .limit(limit)
        .options(defer(DecisionRow.record, raiseload=True), defer(DecisionRow.text_box, raiseload=True))
    )
    return list(session.scalars(statement))


def open_tips_about(session: Session, *, person: PersonId, subject: str, shown_since_us: int) -> list[DecisionRow]:
    """Return shown tips about a subject that are still inside their wait window, newest first, without records."""
    statement = (
        select(DecisionRow)
        .where(DecisionRow.person == person, DecisionRow.subject == subject)
        .where(DecisionRow.shown_us >= shown_since_us)
        .order_by(DecisionRow.shown_us.desc(), DecisionRow.id.desc())
        .options(defer(DecisionRow.record, raiseload=True), defer(DecisionRow.text_box, raiseload=True))
    )
    return list(session.scalars(statement))


def set_outcome(
    uow: UnitOfWork,
    *,
    person: PersonId,
    decision: DecisionId,
    outcome: Outcome | None,
    reward: float | None,
    at_us: int | None,
) -> bool:
    """Give a decision its outcome and reward, replace them, or with None take them back; return whether it did."""
    statement = update(DecisionRow).where(DecisionRow.id == decision, DecisionRow.person == person)
    changed = uow.session.execute(
        statement.values(
            outcome=None if outcome is None else outcome.value,
            reward=reward,
            reward_version=None if outcome is None else REWARD_TABLE_VERSION,
            rewarded_us=at_us,
        ).returning(DecisionRow.id)
    )
    return changed.first() is not None


def records_between(session: Session, *, person: PersonId, since_us: int, until_us: int) -> Sequence[DecisionRow]:
    """Return the decisions with time in [since_us, until_us), oldest first, with their records."""
    statement = (
        select(DecisionRow)
        .where(DecisionRow.person == person, DecisionRow.at_us >= since_us, DecisionRow.at_us < until_us)
        .order_by(DecisionRow.at_us, DecisionRow.id)
    )
    return session.scalars(statement).all()


def settled_between(
    session: Session,
    *,
    since_us: int,
    until_us: int,
    origin: Origin = Origin.LIVE,
    digest: PolicyDigest | None = None,
    after_id: str = "",
    unsettled: bool = False,
    limit: int,
) -> Sequence[DecisionRow]:
    """Return rewarded decisions and delivered silences, of all policies or one, by id from `after_id` on, by pages.

    With `unsettled` also tips that have no reward.
    """
    statement = (
        select(DecisionRow)
        .where(DecisionRow.at_us >= since_us, DecisionRow.at_us < until_us)
        .where(DecisionRow.origin == origin.value, DecisionRow.id > after_id)
        .order_by(DecisionRow.id)
        .limit(limit)
    )
    if not unsettled:
        statement = statement.where(DecisionRow.rewarded_us.is_not(None) | DecisionRow.silent)
    if digest is not None:
        statement = statement.where(DecisionRow.policy_digest == digest)
    return session.scalars(statement).all()


def add_lived(uow: UnitOfWork, rows: Sequence[NewDecision]) -> None:
    """Add decisions together with what followed them: for lives that were simulated, not for a request."""
    uow.session.execute(insert(DecisionRow), [{**row._asdict(), "shown_us": row.rewarded_us} for row in rows])
