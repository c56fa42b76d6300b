"""Who changed what; a person appears only as the vault's keyed hash."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from data_contracts.identifiers import from_us, new_id
from infra.database.tables import AuditRow
from infra.database.unit_of_work import UnitOfWork
from infra.database.upsert import insert_into

__all__ = ["append", "newest"]


def append(
    uow: UnitOfWork,
    *,
    at_us: int,
    actor: str,
    action: str,
    detail: Mapping[str, Any] | None = None,
    entry_id: str | None = None,
) -> str:
    """Add one line and return its id; of lines under one `entry_id` the first stays.

    Neither `actor` nor `detail` may hold a pseudonym, a name or a text.
    """
    entry = entry_id or new_id(from_us(at_us))
    plain = json.loads(json.dumps(detail or {}, default=str))
    row = insert_into(uow.session, AuditRow).values(id=entry, at_us=at_us, actor=actor, action=action, detail=plain)
    uow.session.execute(row.on_conflict_do_nothing(index_elements=["id"]))
    return entry


def newest(session: Session, limit: int = 100, action: str | None = None) -> list[AuditRow]:
    """Return the newest lines, optionally of one action."""
    statement = select(AuditRow).order_by(AuditRow.at_us.desc(), AuditRow.id.desc()).limit(limit)
    if action is not None:
        statement = statement.where(AuditRow.action == action)
    return list(session.scalars(statement))
