"""The MAC chain of the audit log: each entry carries its own MAC and names that of the entry before.

The state row is locked before an entry gets its sequence, so processes append one after the other: SQLite has one
writer, PostgreSQL waits for the row. What expires leaves a base, the sequence and MAC of the last entry that went.
"""

import secrets
from typing import Any

from sqlalchemy import delete, func, select, update

from data_contracts.errors import DamagedStore, Malformed
from infra.database.all_tables import AuditChainRow, AuditRow
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork
from infra.keys.audit_key import AuditKey

__all__ = ["begin", "entry_mac", "expire", "key_of", "link", "lock", "state_seal", "store", "take_over"]

NAME = "audit"
START = "0" * 64  # what the first entry names as the one before
ENTRY = ("id", "at_us", "actor", "action", "detail")
STATE = ("chain", "key_id", "began_us", "adopted", "sequence", "mac", "base_sequence", "base_mac", "anchored")


def key_of(uow: UnitOfWork) -> AuditKey:
    """Return the key of the audit log; raises `Malformed` where the database was opened without one."""
    if uow.audit_key is None:
        raise Malformed("the audit log needs its key; this database was opened without one")
    return uow.audit_key


def entry_mac(key: AuditKey, row: AuditRow, sequence: int) -> str:
    """Return the MAC that a row must carry at that place, behind the entry that it names."""
    return key.mac("entry", [sequence, row.previous, *(getattr(row, name) for name in ENTRY)])


def state_seal(key: AuditKey, state: AuditChainRow) -> str:
    """Return the MAC over the state of the chain."""
    return key.mac("state", [getattr(state, name) for name in STATE])


def lock(uow: UnitOfWork, *, at_us: int) -> AuditChainRow:
    """Return the state of the chain, locked until the end of the transaction; a chain that is missing begins.

    Raises `DamagedStore` when the key is missing or another one, or when the state was not written with it.
    """
    key = key_of(uow)
    state = _locked(uow) or begin(uow, at_us=at_us)
    if state.key_id != key.id:
        raise DamagedStore("audit.key is not the key of this audit log; put it back from your copy of the keys folder")
    if state.seal != state_seal(key, state):
        raise DamagedStore("the state of the audit log was changed by hand; `oo audit-log verify` says more")
    return state


def begin(uow: UnitOfWork, *, at_us: int) -> AuditChainRow:
    """Begin the chain unless it has begun, with the entries that are there; they are protected from now on."""
    key_of(uow).make()
    fresh = insert_into(uow.session, AuditChainRow).values(**_empty(key_of(uow), at_us))
    made = uow.session.execute(fresh.on_conflict_do_nothing(index_elements=["name"]).returning(AuditChainRow.name))
    new = made.first() is not None
    state = _locked(uow)
    if state is None:
        raise DamagedStore("the state of the audit log cannot be read")
    if new:
        _adopt(uow, state)
    return state


def take_over(uow: UnitOfWork, *, at_us: int) -> None:
    """Make a restored log go on here: with its key as it was, else chained again, protected from now on."""
    state, key = _locked(uow), key_of(uow)
    if state is not None and key.exists and state.key_id == key.id:
        return
    uow.session.execute(delete(AuditChainRow))
    uow.session.execute(update(AuditRow).values(sequence=None, previous=None, mac=None))
    begin(uow, at_us=at_us)


def link(uow: UnitOfWork, state: AuditChainRow, entry: dict[str, Any]) -> dict[str, Any]:
    """Return the values of an entry with its place in the chain, and move the state on."""
    placed = {**entry, "sequence": state.sequence + 1, "previous": state.mac}
    placed["mac"] = entry_mac(key_of(uow), AuditRow(**placed), state.sequence + 1)
    state.sequence, state.mac = placed["sequence"], placed["mac"]
    return placed


def store(uow: UnitOfWork, state: AuditChainRow) -> None:
    """Seal the state as it is now."""
    state.seal = state_seal(key_of(uow), state)
    uow.session.flush()


def expire(uow: UnitOfWork, *, before_us: int, limit: int, now_us: int) -> int:
    """Delete the oldest entries, at most `limit`, and return how many went; the base takes their place.

    Entries go in the order of the chain: one whose clock ran ahead keeps those behind it until its own time has come.
    Raises `DamagedStore` when what should go is not what was written: then nothing goes.
    """
    state = lock(uow, at_us=now_us)
    young = uow.session.scalar(select(func.min(AuditRow.sequence)).where(AuditRow.at_us >= before_us))
    last = min((young or state.sequence + 1) - 1, state.base_sequence + limit)
    rows = uow.session.scalars(select(AuditRow).where(AuditRow.sequence <= last).order_by(AuditRow.sequence)).all()
    key = key_of(uow)
    for row in rows:
        expected = (state.base_sequence + 1, state.base_mac, entry_mac(key, row, state.base_sequence + 1))
        if (row.sequence, row.previous, row.mac) != expected:
            raise DamagedStore("entries of the audit log were changed by hand; `oo audit-log verify` names them")
        state.base_sequence, state.base_mac = expected[0], expected[2]
    if state.base_sequence != max(last, state.base_sequence):
        raise DamagedStore("entries of the audit log are missing; `oo audit-log verify` names them")
    uow.session.execute(delete(AuditRow).where(AuditRow.sequence <= state.base_sequence))
    store(uow, state)
    return len(rows)


def _locked(uow: UnitOfWork) -> AuditChainRow | None:
    statement = select(AuditChainRow).where(AuditChainRow.name == NAME).with_for_update()
    return uow.session.scalars(statement).one_or_none()


def _empty(key: AuditKey, at_us: int) -> dict[str, Any]:
    values = {"chain": secrets.token_hex(16), "key_id": key.id, "began_us": at_us, "adopted": 0, "sequence": 0}
    return {**values, "name": NAME, "mac": START, "base_sequence": 0, "base_mac": START, "anchored": 0, "seal": ""}


def _adopt(uow: UnitOfWork, state: AuditChainRow) -> None:
    old = select(AuditRow).where(AuditRow.sequence.is_(None)).order_by(AuditRow.at_us, AuditRow.id)
    for row in uow.session.scalars(old).all():
        entry = {name: getattr(row, name) for name in ENTRY}
        placed = link(uow, state, entry)
        row.sequence, row.previous, row.mac = placed["sequence"], placed["previous"], placed["mac"]
    state.adopted = state.sequence
    store(uow, state)
