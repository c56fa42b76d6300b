"""Backs up a home without its keys into one archive, and restores it.

The list of erased people travels inside the archive, sealed under a key derived from `tombstone.key`. A restore erases
again whom either the archive or the keys folder remembers, and refuses where their keys differ.
"""

import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import Conflict, DamagedStore, Malformed
from data_contracts.identifiers import PersonId
from feature_repo.history.served_rows import History
from feature_repo.history.snapshots import Snapshots
from feature_repo.online import open_online
from infra.database.audit import audit_verification
from infra.database.engine.database import open_database
from infra.database.maintenance import backup
from infra.database.people import people
from infra.database.policies import policies
from infra.home import home_manifest
from infra.home.audit_anchors import Anchors
from infra.home.consistency import is_filled
from infra.home.home_manifest import HomeManifest
from infra.home.opening import bound_fingerprints, bound_manifest, home_lock
from infra.keys.key_files import FILES, MASTER, TOMBSTONE
from infra.settings import Settings
from infra.signing import PolicySeal
from infra.storage import files
from infra.vault import Vault
from oo.processes.up import supervisor_lock
from oo.runtime import Runtime

DATABASE = "app.db"
TOMBSTONES = "tombstones.sealed"
FOLDERS = ("history", "snapshots", "policies", "mlflow")
COMPANIONS = ("-wal", "-shm")


class Erasures(NamedTuple):
    """The sealed lists of erased people that a restore was given, and whether others may be lost."""

    sealed: list[bytes]
    may_be_lost: bool


def write_backup(runtime: Runtime, file: Path) -> dict[str, int]:
    """Write one consistent copy of everything that cannot be made again; raises `Conflict` when the file exists."""
    if file.exists():
        raise Conflict(f"{file} exists already; name another file")
    if not file.parent.is_dir():
        raise Malformed(f"{file.parent} is not a folder; the backup cannot be written there")
    home = runtime.settings.home
    runtime.note_read("backup_written")
    partial = file.with_name(f".{file.name}.partial")
    with tempfile.TemporaryDirectory(dir=home, prefix=".backup-") as folder:
        copy = backup.back_up(runtime.database, Path(folder) / "copy" / DATABASE)
        sealed = copy.with_name(TOMBSTONES)
        files.replace(sealed, runtime.vault.sealed_tombstones())
        files.touch_private(partial)
        with tarfile.open(partial, "w:gz") as archive:
            archive.add(copy, DATABASE)
            archive.add(sealed, TOMBSTONES)
            for name in FOLDERS:
                if (home / name).exists():
                    archive.add(home / name, name)
            count = sum(member.isfile() for member in archive.getmembers())
        partial.replace(file)
    files.sync(file.parent.absolute())
    return {"files": count, "bytes": file.stat().st_size}


def restore_backup(
    runtime: Runtime, file: Path, newer: Iterable[Path] = (), *, without_tombstones: bool = False
) -> dict[str, int]:
    """Fill an empty home from an archive and make the online features again.

    Who was erased when one of the `newer` archives of the same home was written stays erased too.
    Returns the files, the people who were erased since and stay so, and the people whose key is not in this home.
    Raises `Conflict` when the home holds people or a policy already or `oo up` runs on it, or when the keys here cannot
    tell who must stay erased, unless `without_tombstones` accepts that; `Malformed` for what is no backup of oO.
    """
    settings = runtime.settings
    files.make_private_folder(settings.home)
    with supervisor_lock(settings.home).taken(), home_lock(settings.home).taken():
        _require_empty(settings)
        with tempfile.TemporaryDirectory(dir=settings.home, prefix=".restore-") as name:
            folder = Path(name)
            count = _extract(file, folder)
            lacks_keys = not any((settings.keys / FILES[name]).exists() for name in (MASTER, TOMBSTONE))
            if lacks_keys and not without_tombstones:
                raise Conflict(backup.FOREIGN)
            vault = Vault(settings.keys, new=lacks_keys)
            sealed = [*_sealed_in(file), *(each for archive in newer for each in _sealed_in(archive, needed=True))]
            lists = Erasures(sealed, without_tombstones)
            restored = _restore(folder, settings, vault, runtime.now_us(), lists)
    anchors = Anchors(settings.audit, runtime.vault.audit_key)
    audit_verification.anchor_restored(runtime.database, anchors, now_us=runtime.now_us())
    without_key = _serve_again(runtime, vault, renew=not restored.own_keys)
    return {"files": count, "erased": len(restored.erased), "without_key": without_key}


def _restore(folder: Path, settings: Settings, vault: Vault, now_us: int, erasures: Erasures) -> backup.Restored:
    """Bring an extracted archive into the home, its database last."""
    _ = PolicySeal(settings.keys).public  # made where it is missing: what another key signed can be signed again
    vault.audit_key.make()
    manifest = bound_manifest(settings, _home_id(settings))
    made = folder / "restored" / DATABASE
    restored = backup.restore(
        folder / DATABASE,
        made,
        vault=vault,
        now_us=now_us,
        sealed=erasures.sealed,
        without_tombstones=erasures.may_be_lost,
        fingerprints=bound_fingerprints(manifest),
    )
    for person in restored.erased:
        History(folder / "history").forget(person)
        Snapshots(folder / "snapshots").forget(person)
    _move_in(folder, made, settings, manifest)
    return restored


def _home_id(settings: Settings) -> str:
    """Return the id of the home, or a new one where it has none or its `home.json` is damaged."""
    with suppress(DamagedStore):
        known = home_manifest.load(settings.home)
        if known is not None:
            return known.home
    return HomeManifest().home


def _require_empty(settings: Settings) -> None:
    if settings.database_url is not None:
        raise Malformed("restore PostgreSQL with pg_restore; this fills a SQLite file")
    if not is_filled(settings.app_db):
        return
    database = open_database(settings.app_db)
    try:
        database.check()
        database.migrate()
        with database.read() as session:
            empty = not people.list_all(session) and not policies.list_all(session)
    except DamagedStore as error:
        remedy = "move it, and its -wal and -shm beside it, out of the home, then restore again"
        raise Conflict(f"{settings.app_db} is damaged and may still be of use; {remedy}") from error
    finally:
        database.close()
    if not empty:
        raise Conflict(f"{settings.home} holds people or policies already; restore into an empty home")


def _extract(file: Path, folder: Path) -> int:
    try:
        with tarfile.open(file, "r:gz") as archive:
            members = archive.getmembers()
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Malformed(f"{file} is not a backup of oO: {error}") from error
    if not (folder / DATABASE).is_file():
        raise Malformed(f"{file} is not a backup of oO: it holds no {DATABASE}")
    return sum(member.isfile() for member in members)


def _sealed_in(file: Path, *, needed: bool = False) -> list[bytes]:
    """Return the list of erased people in an archive; raises `Malformed` where a `needed` one is missing."""
    with tarfile.open(file, "r:gz") as archive:
        found = archive.extractfile(TOMBSTONES) if TOMBSTONES in archive.getnames() else None
        if found is not None:
            return [found.read()]
    if needed:
        raise Malformed(f"{file} holds no list of erased people: an older version of oO wrote it")
    return []


def _move_in(folder: Path, made: Path, settings: Settings, manifest: HomeManifest) -> None:
    """Put the folders in place, and last the database: a home is restored when it has that."""
    for name in FOLDERS:
        if (folder / name).exists():
            # a home without people and policies has nothing in these that anybody could miss
            shutil.rmtree(settings.home / name, ignore_errors=True)
            (folder / name).replace(settings.home / name)
    for file in (settings.app_db, settings.online_db):  # what is online belongs to another database; it is made again
        for suffix in ("", *COMPANIONS):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    open_online(settings.online_db).close()
    home_manifest.save(settings.home, manifest)
    made.replace(settings.app_db)
    files.sync(settings.home)


def _serve_again(runtime: Runtime, vault: Vault, *, renew: bool) -> int:
    """Write everybody's online features, and return how many people have no key here; with `renew` they get one."""
    with runtime.database.read() as session:
        everybody = [PersonId(row.person) for row in people.list_all(session)]
    without = [person for person in everybody if not vault.has_key(person)]
    for person in without if renew else ():
        vault.seal(person, "", b"")  # makes the key
    for person in everybody:
        runtime.stores.stream.refresh_person(person)
    return len(without)
