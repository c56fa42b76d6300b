"""Deletes what `data_contracts/retention.py` no longer keeps, table by table and store by store."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from data_contracts.durations import DAY_US
from data_contracts.errors import DamagedStore
from data_contracts.identifiers import from_us, to_us
from data_contracts.retention import COLUMNS, FILES, TABLES
from feature_repo.history.served_rows import History
from feature_repo.history.snapshots import Snapshots
from flows.context import FlowContext
from infra.database.audit import audit_chain, audit_verification
from infra.database.audit.audit_verification import Report
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.maintenance import expiry
from infra.home.audit_anchors import Anchors

AUDIT = "audit"
CHUNK = 200  # rows per transaction


def expire(context: FlowContext) -> dict[str, int]:
    """Delete all that has expired; return how many rows (of snapshots: days) went, by store, where any did."""
    now_us = to_us(context.clock())
    gone: dict[str, int] = {}
    for table, kept in TABLES.items():
        if kept.ttl_days is None or kept.since is None:
            continue
        if table == AUDIT:
            continue  # below
        before_us = now_us - kept.ttl_days * DAY_US
        step = partial(expiry.delete_older, table=table, column=kept.since, before_us=before_us, limit=CHUNK)
        gone[table] = _repeat(context, step)
    for (table, blank), kept in COLUMNS.items():
        if kept.ttl_days is None or kept.since is None:
            continue
        before_us = now_us - kept.ttl_days * DAY_US
        step = partial(
            expiry.blank_older, table=table, blank=blank, column=kept.since, before_us=before_us, limit=CHUNK
        )
        gone[f"{table}.{blank}"] = _repeat(context, step)
    for store, enforce in STORES.items():
        gone |= enforce(context, now_us - _ttl_us(store))
    gone[AUDIT] = _expire_audit(context, now_us)  # last: it raises where entries were changed by hand
    return {name: count for name, count in gone.items() if count}


def anchor_audit(context: FlowContext) -> Report:
    """Verify the audit log and anchor its newest entry outside the database; raises `DamagedStore`."""
    key = context.vault.audit_key
    anchors = Anchors(context.settings.audit, key)
    report = audit_verification.anchor(context.database, key, anchors, now_us=to_us(context.clock()))
    if not report.sound:
        wrong = len(report.findings)
        raise DamagedStore(f"the audit log has {wrong} problems; `oo audit-log verify` names them")
    return report


def _expire_audit(context: FlowContext, now_us: int) -> int:
    """Delete old entries in the order of the chain; the base that they leave keeps the rest verifiable."""
    days = TABLES[AUDIT].ttl_days
    if days is None:
        return 0
    return _repeat(context, partial(audit_chain.expire, before_us=now_us - days * DAY_US, limit=CHUNK, now_us=now_us))


def _ttl_us(store: str) -> int:
    days = FILES[store].ttl_days
    if days is None:
        raise ValueError(f"{store} has no limit to enforce")
    return days * DAY_US


def _served(context: FlowContext, before_us: int) -> dict[str, int]:
    return {"online.db:served": context.online.expire(served_before_us=before_us, pool_before_us=0)[0]}


def _pool(context: FlowContext, before_us: int) -> dict[str, int]:
    return {"online.db:pool": context.online.expire(served_before_us=0, pool_before_us=before_us)[1]}


def _history(context: FlowContext, before_us: int) -> dict[str, int]:
    return {"history": History(context.settings.history).expire(before_us)}


def _snapshots(context: FlowContext, before_us: int) -> dict[str, int]:
    return {"snapshots": Snapshots(context.settings.snapshots).expire(f"{from_us(before_us):%Y-%m-%d}")}


# the mirror lets go of what is old by itself: infra/mirror/jetstream/stream_config.py
STORES: Mapping[str, Callable[[FlowContext, int], dict[str, int]]] = MappingProxyType(
    {"online.db:served": _served, "online.db:pool": _pool, "history": _history, "snapshots": _snapshots}
)


def _repeat(context: FlowContext, step: Callable[[UnitOfWork], int]) -> int:
    total = 0
    while True:
        with context.database.unit_of_work() as uow:
            count = step(uow)
            uow.commit()
        total += count
        if count < CHUNK:
            return total
