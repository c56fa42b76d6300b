"""Registered policies and the champion's slot, which changes only by compare-and-set and with an audit entry."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from data_contracts.errors import NotFound
from data_contracts.identifiers import PolicyDigest
from infra.database.all_tables import ChampionSlotRow, PolicyRow
from infra.database.audit import audit_log
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["SLOT", "Champion", "Swap", "champion", "get", "list_all", "register", "set_stage", "swap_champion"]

SLOT = "champion"
Stage = Literal["registered", "shadow", "champion", "retired"]


class Champion(NamedTuple):
    """Who decides; `digest` is None and `revision` 0 before the first promotion."""

    digest: PolicyDigest | None = None
    revision: int = 0
    override_reason: str | None = None
    changed_us: int = 0


class Swap(NamedTuple):
    """How an attempt to change the champion ended; commit it in both cases, the audit keeps both."""

    won: bool
    champion: Champion


def register(
    uow: UnitOfWork,
    *,
    digest: PolicyDigest,
    name: str,
    registry_version: str | None,
    manifest: Mapping[str, Any],
    metrics: Mapping[str, Any],
    created_us: int,
) -> bool:
    """Add a policy and return whether it is new; the same digest again changes nothing."""
    statement = insert_into(uow.session, PolicyRow).values(
        digest=digest,
        name=name,
        registry_version=registry_version,
        stage="registered",
        manifest=dict(manifest),
        metrics=dict(metrics),
        created_us=created_us,
    )
    added = uow.session.execute(statement.on_conflict_do_nothing(index_elements=["digest"]).returning(PolicyRow.digest))
    return added.first() is not None


def get(session: Session, digest: PolicyDigest) -> PolicyRow:
    """Return a policy; raises `NotFound`."""
    row = session.get(PolicyRow, digest)
    if row is None:
        raise NotFound(f"there is no policy {digest[:12]}")
    return row


def list_all(session: Session, stage: Stage | None = None) -> list[PolicyRow]:
    """Return the policies, newest first, optionally of one stage."""
    statement = select(PolicyRow).order_by(PolicyRow.created_us.desc(), PolicyRow.digest)
    if stage is not None:
        statement = statement.where(PolicyRow.stage == stage)
    return list(session.scalars(statement))


def set_stage(uow: UnitOfWork, digest: PolicyDigest, stage: Literal["registered", "shadow", "retired"]) -> None:
    """Move a policy that is not the champion; raises `NotFound`. Only `swap_champion` makes a champion."""
    changed = uow.session.execute(
        update(PolicyRow)
        .where(PolicyRow.digest == digest, PolicyRow.stage != "champion")
        .values(stage=stage)
        .returning(PolicyRow.digest)
    )
    if changed.first() is None:
        raise NotFound(f"there is no policy {digest[:12]} that is not the champion")


def champion(session: Session, slot: str = SLOT) -> Champion:
    """Return who decides."""
    row = session.get(ChampionSlotRow, slot)
    if row is None:
        return Champion()
    digest = PolicyDigest(row.digest) if row.digest else None
    return Champion(digest, row.revision, row.override_reason, row.changed_us)


def swap_champion(
    uow: UnitOfWork,
    *,
    digest: PolicyDigest,
    expected_revision: int,
    at_us: int,
    actor: str,
    override_reason: str | None = None,
    evidence: Mapping[str, Any] | None = None,
    slot: str = SLOT,
) -> Swap:
    """Make `digest` the champion if the slot is still at `expected_revision`; of two racers exactly one wins.

    Both attempts leave an audit line, so commit whether it won or not. Raises `NotFound` for an unknown policy.
    """
    get(uow.session, digest)
    _ensure_slot(uow, slot)
    before = champion(uow.session, slot)
    swapped = uow.session.execute(
        update(ChampionSlotRow)
        .where(ChampionSlotRow.slot == slot, ChampionSlotRow.revision == expected_revision)
        .values(digest=digest, revision=expected_revision + 1, override_reason=override_reason, changed_us=at_us)
        .returning(ChampionSlotRow.revision)
    )
    won = swapped.first() is not None
    if won:
        _retire(uow, before.digest, digest)
    after = champion(uow.session, slot)
    detail = {
        "slot": slot,
        "digest": digest,
        "expected_revision": expected_revision,
        "revision": after.revision,
        "replaced": before.digest if won else None,
        "override_reason": override_reason,
        "evidence": dict(evidence or {}),
    }
    action = "champion_changed" if won else "champion_change_refused"
    audit_log.append(uow, at_us=at_us, actor=actor, action=action, detail=detail)
    return Swap(won, after)


def _ensure_slot(uow: UnitOfWork, slot: str) -> None:
    statement = insert_into(uow.session, ChampionSlotRow).values(
        slot=slot, digest=None, revision=0, override_reason=None, changed_us=0
    )
    uow.session.execute(statement.on_conflict_do_nothing(index_elements=["slot"]))


def _retire(uow: UnitOfWork, old: PolicyDigest | None, new: PolicyDigest) -> None:
    if old is not None and old != new:
        uow.session.execute(update(PolicyRow).where(PolicyRow.digest == old).values(stage="retired"))
    uow.session.execute(update(PolicyRow).where(PolicyRow.digest == new).values(stage="champion"))
