"""Backup and restore of a SQLite database; people erased since the backup stay erased."""

import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import delete, select

from data_contracts.errors import Conflict, Malformed, Unavailable
from data_contracts.identifiers import PersonId, RandomBytes
from infra.database.all_tables import PersonRow, TombstoneRow
from infra.database.audit import audit_chain, audit_log
from infra.database.engine.database import Database, open_database
from infra.database.keys import key_fingerprints
from infra.database.maintenance import erasure
from infra.keys.key_files import TOMBSTONE
from infra.storage import files
from infra.vault import Vault

__all__ = ["FOREIGN", "Restored", "back_up", "restore"]

COMPANIONS = ("-wal", "-shm")
FOREIGN = (
    "the keys here are not those of the backup, so nobody can tell who must stay erased; put the keys folder of that"
    " home in place, or accept with --without-tombstones that erased people may come back"
)


class Restored(NamedTuple):
    """Who was erased from a backup on its way into a home, and whether the keys there are those of the backup."""

    erased: list[PersonId]
    own_keys: bool


def back_up(database: Database, target: Path, *, random_bytes: RandomBytes = secrets.token_bytes) -> Path:
    """Write one compact, consistent copy of a running database to `target`, which appears only when it is complete.

    Keys are not part of it. Raises `Conflict` when the target exists, `Malformed` for PostgreSQL.
    """
    if database.path is None:
        raise Malformed("back up PostgreSQL with pg_dump; this copies a SQLite file")
    if target.exists():
        raise Conflict(f"{target} exists already")
    files.make_private_folder(target.parent)
    temporary = target.with_name(f".{target.name}.{random_bytes(8).hex()}.tmp")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    connection = database.connect_raw()
    try:
        connection.execute("VACUUM INTO ?", (str(temporary),))
        files.sync(temporary)
        temporary.replace(target)
    except sqlite3.OperationalError as error:
        raise Unavailable(f"the backup could not be written: {error}") from error
    finally:
        connection.close()
        temporary.unlink(missing_ok=True)
    files.sync(target.parent)
    return target


def restore(
    backup: Path,
    target: Path,
    *,
    vault: Vault,
    now_us: int,
    sealed: Iterable[bytes] = (),
    without_tombstones: bool = False,
    fingerprints: Mapping[str, str] | None = None,
) -> Restored:
    """Put a backup in place of the database `target`.

    No process may have `target` open. The copy is checked, migrated, freed of everybody whom the vault or one of the
    `sealed` lists remembers as erased, and bound to `fingerprints` before it takes the name. Raises `Malformed` for a
    file that is not a sound backup, and `Conflict` when the vault cannot tell who must stay erased, unless
    `without_tombstones` accepts that.
    """
    files.make_private_folder(target.parent)
    copy = target.with_name(f".{target.name}.{secrets.token_hex(8)}.restoring")
    try:
        _copy(backup, copy)
        database = open_database(copy, tombstone=vault.tombstone, audit_key=vault.audit_key)
        try:
            database.migrate()
            own_keys = _unite(database, vault, list(sealed))
            if not own_keys and not without_tombstones:
                raise Conflict(FOREIGN)
            with database.unit_of_work() as uow:
                audit_chain.take_over(uow, at_us=now_us)
                audit_log.append(uow, at_us=now_us, actor="cli", action="database_restored")
                uow.commit()
            erased = _erase_again(database, vault, now_us)
            _bind(database, vault, fingerprints or {}, now_us)
            if not database.checkpoint("TRUNCATE").complete:
                raise Unavailable("the restored copy is in use")
        finally:
            database.close()
        files.sync(copy)
        for suffix in COMPANIONS:
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        copy.replace(target)
    finally:
        for suffix in ("", *COMPANIONS):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
    files.sync(target.parent)
    return Restored(erased, own_keys)


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


def _unite(database: Database, vault: Vault, sealed: list[bytes]) -> bool:
    """Remember in the vault whom the backup remembers as erased; return false when that was said with another key."""
    lists = [vault.open_tombstones(each) for each in sealed]
    if None in lists or not (lists or _has_own_tombstones(database, vault)):
        return False
    with database.read() as session:
        vault.remember(erasure.tombstones(session).union(*filter(None, lists)))
    return True


def _has_own_tombstones(database: Database, vault: Vault) -> bool:
    """Whether a database without a sealed list was written with this vault's keys."""
    with database.read() as session:
        bound = key_fingerprints.read(session).get(TOMBSTONE)
        if bound is not None:
            return bound == vault.fingerprint
        people = [PersonId(person) for person in session.scalars(select(PersonRow.person))]
        if not people:
            return True
        known = erasure.tombstones(session) | {vault.tombstone(person) for person in people}
    # an older version wrote no fingerprint: then a person's own key, or an erased person whom both know, says it
    return not known.isdisjoint(vault.tombstones()) or any(vault.opens_key(person) for person in people)


def _erase_again(database: Database, vault: Vault, now_us: int) -> list[PersonId]:
    """Erase everybody from the copy who is listed as erased."""
    known = vault.tombstones()
    with database.read() as session:
        people = [PersonId(person) for person in session.scalars(select(PersonRow.person))]
    erased = [person for person in people if vault.tombstone(person) in known]
    for person in erased:
        erasure.erase(database, vault, person, now_us=now_us)
    return erased


def _bind(database: Database, vault: Vault, fingerprints: Mapping[str, str], now_us: int) -> None:
    """Let the copy remember exactly whom the vault remembers as erased, and belong to its new home."""
    known = vault.tombstones()
    with database.unit_of_work() as uow:
        uow.session.execute(delete(TombstoneRow).where(TombstoneRow.hmac.not_in(known)))  # hashes under another key
        erasure.add_tombstones(uow, known, at_us=now_us)
        key_fingerprints.reset(uow, fingerprints, at_us=now_us)
        uow.commit()
