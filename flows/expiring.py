"""Deletes what `data_contracts/retention.py` keeps no longer, table by table."""

from collections.abc import Callable
from functools import partial

from data_contracts.identifiers import to_us
from data_contracts.retention import COLUMNS, TABLES
from flows.parts import FlowParts
from infra.database import expiry
from infra.database.unit_of_work import UnitOfWork

DAY_US = 86_400_000_000
CHUNK = 200  # rows per transaction


def expire(parts: FlowParts) -> dict[str, int]:
    """Delete all that has expired; return how many rows went, by table or column, where any did."""
    now_us = to_us(parts.clock())
    gone: dict[str, int] = {}
    for table, kept in TABLES.items():
        if kept.ttl_days is None or kept.since is None:
            continue
        before_us = now_us - kept.ttl_days * DAY_US
        step = partial(expiry.delete_older, table=table, column=kept.since, before_us=before_us, limit=CHUNK)
        gone[table] = _repeat(parts, step)
    for (table, blank), kept in COLUMNS.items():
        if kept.ttl_days is None or kept.since is None:
            continue
        before_us = now_us - kept.ttl_days * DAY_US
        step = partial(
            expiry.blank_older, table=table, blank=blank, column=kept.since, before_us=before_us, limit=CHUNK
        )
        gone[f"{table}.{blank}"] = _repeat(parts, step)
    return {name: count for name, count in gone.items() if count}


def _repeat(parts: FlowParts, step: Callable[[UnitOfWork], int]) -> int:
    total = 0
    while True:
        with parts.database.unit_of_work() as uow:
            count = step(uow)
            uow.commit()
        total += count
        if count < CHUNK:
            return total
