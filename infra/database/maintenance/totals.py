"""Totals over all people for operators; nothing about one person."""

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from infra.database.all_tables import (
    AuditRow,
    DecisionRow,
    EventRow,
    PersonPosteriorRow,
    PersonRow,
    QuarantineRow,
    ReactionRow,
)

__all__ = ["Totals", "totals"]


class Totals(NamedTuple):
    """Counts over live decisions and what belongs to them; `updates` are posterior updates by policy digest."""

    people: int
    events: int
    quarantined: int
    spoken: int
    silent: int
    shown: int
    reactions: dict[str, int]
    updates: dict[str, int]
    overrides: int


def totals(session: Session) -> Totals:
    """Return the totals of one snapshot."""
    live = DecisionRow.origin == "live"
    by_silence = session.execute(select(DecisionRow.silent, func.count()).where(live).group_by(DecisionRow.silent))
    decisions = {bool(silent): count for silent, count in by_silence}
    shown = select(func.count()).select_from(DecisionRow).where(live, DecisionRow.shown_us.is_not(None))
    standing = (
        select(ReactionRow.kind, func.count())
        .join(DecisionRow, DecisionRow.id == ReactionRow.decision)
        .where(live, ReactionRow.undone_us.is_(None))
        .group_by(ReactionRow.kind)
    )
    updates = select(PersonPosteriorRow.policy_digest, func.sum(PersonPosteriorRow.version)).group_by(
        PersonPosteriorRow.policy_digest
    )
    changes = select(AuditRow.detail).where(AuditRow.action == "champion_changed")
    return Totals(
        people=_count(session, PersonRow),
        events=_count(session, EventRow),
        quarantined=_count(session, QuarantineRow),
        spoken=decisions.get(False, 0),
        silent=decisions.get(True, 0),
        shown=session.scalar(shown) or 0,
        reactions=dict(session.execute(standing).all()),
        updates={digest: int(count) for digest, count in session.execute(updates)},
        overrides=sum(1 for detail in session.scalars(changes) if detail.get("override_reason")),
    )


def _count(session: Session, table: type[EventRow] | type[PersonRow] | type[QuarantineRow]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0
