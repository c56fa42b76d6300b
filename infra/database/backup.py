"""Backup and restore of a SQLite database; people who were erased since the backup stay erased."""

import os
import secrets
import sqlite3
from pathlib import Path

from sqlalchemy import select

from data_contracts.errors import Conflict, Malformed, Unavailable
from data_contracts.identifiers import PersonId, RandomBytes
from infra import durable_files
from infra.database import audit, audit_chain, erasure
from infra.database.engine import Database, open_database
from infra.database.tables import PersonRow
from infra.vault import Vault

__all__ = ["back_up", "restore"]

COMPANIONS = ("-wal", "-shm")


def back_up(database: Database, target: Path, *, random_bytes: RandomBytes = secrets.token_bytes) -> Path:
    """Write one compact, consistent copy of a running database to `target`, which appears only when it is complete.

    Keys are not part of it. Raises `Conflict` when the target exists, `Malformed` for PostgreSQL.
    """
    if database.path is None:
        raise Malformed("back up PostgreSQL with pg_dump; this copies a SQLite file")
    if target.exists():
        raise Conflict(f"{target} exists already")
    durable_files.make_private_folder(target.parent)
    temporary = target.with_name(f".{target.name}.{random_bytes(8).hex()}.tmp")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = database.connect_raw()
    try:
        connection.execute("VACUUM INTO ?", (str(temporary),))
        durable_files.sync(temporary)
        temporary.replace(target)
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the backup could not be written: {error}") from error
    finally:
        connection.close()
        temporary.unlink(missing_ok=True)
    durable_files.sync(target.parent)
    return target


def restore(backup: Path, target: Path, *, vault: Vault, now_us: int) -> list[PersonId]:
    """Put a backup in place of the database `target`, and return who was erased from it again on the way.

    No process may have `target` open. The copy is checked, migrated, and freed of everybody in the vault's tombstones
    before it takes the name. Raises `Malformed` for a file that is not a sound backup.
    """
    durable_files.make_private_folder(target.parent)
    copy = target.with_name(f".{target.name}.{secrets.token_hex(8)}.restoring")
    try:
        _copy(backup, copy)
        erased = _erase_again(copy, vault, now_us)
        for suffix in COMPANIONS:
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        copy.replace(target)
    finally:
        for suffix in ("", *COMPANIONS):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    durable_files.sync(target.parent)
    return erased


def _copy(backup: Path, copy: Path) -> None:
    if not backup.is_file():
        raise Malformed(f"{backup} is not a file")
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    copy.write_bytes(backup.read_bytes())
    connection = sqlite3.connect(copy)
    try:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'people'").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise Malformed(f"{backup} is not a sound SQLite file: {error}") from error
    finally:
        connection.close()
    if found != "ok" or not tables:
        raise Malformed(f"{backup} is not a sound backup of oO")


def _erase_again(copy: Path, vault: Vault, now_us: int) -> list[PersonId]:
    """Bring the copy up to date and erase from it whoever was erased since it was taken."""
    database = open_database(copy, tombstone=vault.tombstone, audit_key=vault.audit_key)
    try:
        database.migrate()
        with database.unit_of_work() as uow:
            audit_chain.take_over(uow, at_us=now_us)
            audit.append(uow, at_us=now_us, actor="cli", action="database_restored")
            uow.commit()
        known = vault.tombstones()
        with database.read() as session:
            people = [PersonId(person) for person in session.scalars(select(PersonRow.person))]
        erased = [person for person in people if vault.tombstone(person) in known]
        for person in erased:
            erasure.erase(database, vault, person, now_us=now_us)
        if not database.checkpoint("TRUNCATE").complete:
            raise Unavailable("the restored copy is in use")
    finally:
        database.close()
    durable_files.sync(copy)
    return erased
