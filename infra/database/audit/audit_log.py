"""The audit log; a person appears in it only as the vault's keyed hash. Each entry is a link of `audit_chain`."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from data_contracts.identifiers import from_us, new_id
from infra.database.all_tables import AuditChainRow, AuditRow
from infra.database.audit import audit_chain
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["append", "chain", "newest"]


def append(
    uow: UnitOfWork,
    *,
    at_us: int,
    actor: str,
    action: str,
    detail: Mapping[str, Any] | None = None,
    entry_id: str | None = None,
) -> str:
    """Add one entry and return its id; of entries under one `entry_id` the first stays.

    Neither `actor` nor `detail` may hold a pseudonym, a name or a text. Other processes that append wait for the end of
    this transaction. Raises `DamagedStore` when the key is missing or the state of the chain is not what was written.
    """
    entry = entry_id or new_id(from_us(at_us))
    state = audit_chain.lock(uow, at_us=at_us)
    if uow.session.scalar(select(AuditRow.id).where(AuditRow.id == entry)) is not None:
        return entry
    plain = json.loads(json.dumps(detail or {}, default=str))
    values = {"id": entry, "at_us": at_us, "actor": actor, "action": action, "detail": plain}
    uow.session.execute(insert(AuditRow).values(audit_chain.link(uow, state, values)))
    audit_chain.store(uow, state)
    return entry


def chain(session: Session) -> AuditChainRow | None:
    """Return the state of the chain, or None before its first entry."""
    return session.scalars(select(AuditChainRow)).one_or_none()


def newest(session: Session, limit: int = 100, action: str | None = None) -> list[AuditRow]:
    """Return the newest lines, optionally of one action."""
    statement = select(AuditRow).order_by(AuditRow.at_us.desc(), AuditRow.id.desc()).limit(limit)
    if action is not None:
        statement = statement.where(AuditRow.action == action)
    return list(session.scalars(statement))
