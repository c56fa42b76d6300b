"""Erases a person from the application database, so that no byte of them is left in its files.

Every step can be repeated, so an erasure that was interrupted is finished by starting it again. The other stores
(online features, history, files) are emptied by their owners between `begin` and `finish`.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Table, delete, func, select
from sqlalchemy.orm import Session

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PersonId
from infra.database.all_tables import Base, PersonRow, TombstoneRow
from infra.database.audit import audit_log
from infra.database.engine.database import Database
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork
from infra.storage.sqlite import checkpoint
from infra.vault import Vault

__all__ = [
    "add_tombstones",
    "begin",
    "count_tombstones",
    "delete_rows",
    "erase",
    "leftovers",
    "personal_tables",
    "scrub",
    "tombstones",
    "unfinished",
    "unite_tombstones",
]

SCRUB_WAIT_MS = 10_000


def personal_tables() -> list[Table]:
    """Return every table whose rows carry a person, dependents first and `people` last."""
    return [table for table in reversed(Base.metadata.sorted_tables) if "person" in table.columns]


def begin(uow: UnitOfWork, person: PersonId) -> bool:
    """Stop all reads and writes about the person from the next request on; return whether they were there."""
    row = uow.session.get(PersonRow, person)
    if row is None:
        return False
    row.erasing = True
    row.consent_mask = 0
    row.consent_epoch += 1
    row.session_epoch += 1
    uow.session.flush()
    return True


def delete_rows(uow: UnitOfWork, person: PersonId, *, tombstone: str, at_us: int) -> int:
    """Delete every row of the person, leave a keyed hash, and return how many rows went.

    What hangs on the rows by a foreign key (views of challengers on a decision) goes with them.
    """
    deleted = 0
    for table in personal_tables():
        deleted += _count(uow.session, table, person)
        uow.session.execute(delete(table).where(table.c.person == person))
    statement = insert_into(uow.session, TombstoneRow).values(hmac=tombstone, at_us=at_us)
    added = uow.session.execute(statement.on_conflict_do_nothing(index_elements=["hmac"]).returning(TombstoneRow.hmac))
    if added.first() is not None:
        audit_log.append(uow, at_us=at_us, actor="erasure", action="person_erased", detail={"tombstone": tombstone})
    return deleted


def scrub(database: Database) -> None:
    """Write the database files again without what was deleted; raises `Unavailable` when a reader is in the way.

    On PostgreSQL the dead rows are vacuumed away; its write-ahead log ages out by the server's own settings.
    """
    connection = database.connect_raw()
    try:
        if database.dialect == "postgresql":
            connection.execute("VACUUM")
            return
        connection.execute(f"PRAGMA busy_timeout={SCRUB_WAIT_MS}")
        connection.execute("VACUUM")
        busy = checkpoint(connection).busy
    finally:
        connection.close()
    if busy:
        raise Unavailable("a reader keeps the log from being emptied; the erasure must be run again")


def leftovers(session: Session, person: PersonId) -> dict[str, int]:
    """Return the tables that still hold rows of the person, with their number; empty when nothing is left."""
    counts = {table.name: _count(session, table, person) for table in personal_tables()}
    return {name: count for name, count in counts.items() if count}


def unfinished(session: Session) -> list[PersonId]:
    """Return the people whose erasure has begun and not ended."""
    statement = select(PersonRow.person).where(PersonRow.erasing).order_by(PersonRow.person)
    return [PersonId(person) for person in session.scalars(statement)]


def tombstones(session: Session) -> set[str]:
    """Return the keyed hashes of everybody who was erased from this database."""
    return set(session.scalars(select(TombstoneRow.hmac)))


def add_tombstones(uow: UnitOfWork, added: Iterable[str], *, at_us: int) -> None:
    """Remember people as erased whom another store of the home remembers so; they must have no rows here."""
    for tombstone in sorted(added):
        row = insert_into(uow.session, TombstoneRow).values(hmac=tombstone, at_us=at_us)
        uow.session.execute(row.on_conflict_do_nothing(index_elements=["hmac"]))


def unite_tombstones(database: Database, vault: Vault, *, now_us: int) -> list[PersonId]:
    """Let database and keys folder remember the same people as erased, and return who is in the database all the same.

    Either may be an older copy. Who came back with an older database is unreachable from here on, as if their erasure
    had been interrupted; finishing the erasures of the home empties every store of them.
    """
    with database.read() as session:
        here, there = tombstones(session), vault.tombstones()
        if here == there:
            return []
        rows = session.execute(select(PersonRow.person, PersonRow.erasing)).all()
    vault.remember(here)
    back = {vault.tombstone(PersonId(person)): (PersonId(person), erasing) for person, erasing in rows}
    returned = [person for tombstone, (person, erasing) in back.items() if tombstone in there and not erasing]
    with database.unit_of_work() as uow:
        for person in returned:
            begin(uow, person)
        add_tombstones(uow, there - here - back.keys(), at_us=now_us)  # the rest is added when its rows go
        uow.commit()
    return returned


def count_tombstones(session: Session) -> int:
    """Return how many people were erased from this database."""
    return session.scalar(select(func.count()).select_from(TombstoneRow)) or 0


def erase(database: Database, vault: Vault, person: PersonId, *, now_us: int) -> int:
    """Erase a person from database and vault, durably and for good; return how many rows went.

    Raises `Unavailable` when a step must be repeated; nothing that was erased comes back meanwhile.
    """
    with database.unit_of_work() as uow:
        begin(uow, person)
        uow.commit()
    vault.forget(person)  # before the rows go: from here on nothing about them can be sealed
    with database.unit_of_work() as uow:
        deleted = delete_rows(uow, person, tombstone=vault.tombstone(person), at_us=now_us)
        uow.commit()
    with database.read() as session:
        left = leftovers(session, person)
    if left:
        raise Unavailable(f"rows were written during the erasure ({', '.join(left)}); it must be run again")
    scrub(database)
    return deleted


def _count(session: Session, table: Table, person: PersonId) -> int:
    counted: Any = session.scalar(select(func.count()).select_from(table).where(table.c.person == person))
    return int(counted or 0)
