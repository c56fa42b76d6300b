"""Fingerprints of the keys that this database was written with, by name; `home` names the home itself.

They are read when a home is opened and compared with the key files, so that a database is never used with other keys.
A rotation replaces a fingerprint in the transaction that makes the new key the current one.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from data_contracts.errors import Conflict
from data_contracts.identifiers import from_us
from infra.database.all_tables import KeyFingerprintRow
from infra.database.engine.database import Database
from infra.database.engine.sql import insert_into
from infra.database.engine.unit_of_work import UnitOfWork

__all__ = ["HOME", "binding", "read", "record", "replace", "reset", "since"]

HOME = "home"


def read(session: Session) -> dict[str, str]:
    """Return every fingerprint by name; empty for a database that was never bound to keys."""
    return {row.name: row.fingerprint for row in session.scalars(select(KeyFingerprintRow))}


def since(session: Session) -> dict[str, datetime]:
    """Return since when each key is the current one."""
    return {row.name: from_us(row.since_us) for row in session.scalars(select(KeyFingerprintRow))}


def binding(database: Database) -> dict[str, str]:
    """Return what `read` does; also empty for a database without the table, such as an empty one."""
    with database.read() as session:
        try:
            return read(session)
        except (OperationalError, ProgrammingError):  # what passes is `Unavailable` here, so the table is missing
            return {}


def record(uow: UnitOfWork, fingerprints: Mapping[str, str], *, at_us: int) -> None:
    """Add fingerprints under new names; a name that has one keeps it, so `read` afterwards says what holds."""
    for name, value in fingerprints.items():
        row = insert_into(uow.session, KeyFingerprintRow).values(name=name, fingerprint=value, since_us=at_us)
        uow.session.execute(row.on_conflict_do_nothing(index_elements=["name"]))


def replace(uow: UnitOfWork, name: str, old: str, new: str, *, at_us: int) -> None:
    """Put a new fingerprint in place of the old one; raises `Conflict` when the stored one is another."""
    row = KeyFingerprintRow
    statement = update(row).where(row.name == name, row.fingerprint == old).values(fingerprint=new, since_us=at_us)
    if uow.session.execute(statement.returning(row.name)).first() is None:
        raise Conflict(f"the key {name!r} is not the one that was to be replaced; look at it again")


def reset(uow: UnitOfWork, fingerprints: Mapping[str, str], *, at_us: int) -> None:
    """Forget all fingerprints and record these: a restored database belongs to the home that it was restored into."""
    uow.session.execute(delete(KeyFingerprintRow))
    record(uow, fingerprints, at_us=at_us)
