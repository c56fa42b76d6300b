"""One archive of a home without its keys, and the way back."""

import shutil
import tarfile
import tempfile
from pathlib import Path

from data_contracts.errors import Conflict, Malformed
from data_contracts.identifiers import PersonId
from feature_repo.history import History
from feature_repo.snapshots import Snapshots
from infra import durable_files
from infra.audit_anchors import Anchors
from infra.database import audit_verification, backup, people, policies
from infra.database.engine import open_database
from infra.settings import Settings
from infra.vault import Vault
from oo.household import Household

DATABASE = "app.db"
FOLDERS = ("history", "snapshots", "policies", "mlflow")
COMPANIONS = ("-wal", "-shm")


def write_backup(household: Household, file: Path) -> dict[str, int]:
    """Write one consistent copy of everything that cannot be made again; raises `Conflict` when the file exists."""
    if file.exists():
        raise Conflict(f"{file} exists already; name another file")
    if not file.parent.is_dir():
        raise Malformed(f"{file.parent} is not a folder; the backup cannot be written there")
    home = household.settings.home
    household.note_read("backup_written")
    partial = file.with_name(f".{file.name}.partial")
    with tempfile.TemporaryDirectory(dir=home, prefix=".backup-") as folder:
        copy = backup.back_up(household.database, Path(folder) / "copy" / DATABASE)
        durable_files.touch_private(partial)
        with tarfile.open(partial, "w:gz") as archive:
            archive.add(copy, DATABASE)
            for name in FOLDERS:
                if (home / name).exists():
                    archive.add(home / name, name)
            count = sum(member.isfile() for member in archive.getmembers())
        partial.replace(file)
    durable_files.sync(file.parent.absolute())
    return {"files": count, "bytes": file.stat().st_size}


def restore_backup(household: Household, file: Path) -> dict[str, int]:
    """Fill a home that knows nobody from an archive and make the online features again.

    Returns the files, the people who were erased since and stay so, and the people whose key is not in this home.
    Raises `Conflict` when the home holds a life or a policy already, `Malformed` for what is no backup of oO.
    """
    settings = household.settings
    _require_empty(settings)
    durable_files.make_private_folder(settings.home)
    vault = Vault(settings.keys)
    with tempfile.TemporaryDirectory(dir=settings.home, prefix=".restore-") as name:
        folder = Path(name)
        count = _extract(file, folder)
        made = folder / "restored" / DATABASE
        erased = backup.restore(folder / DATABASE, made, vault=vault, now_us=household.now_us())
        for person in erased:
            History(folder / "history").forget(person)
            Snapshots(folder / "snapshots").forget(person)
        _move_in(folder, made, settings)
    anchors = Anchors(settings.audit, household.vault.audit_key)
    audit_verification.anchor_restored(household.database, anchors, now_us=household.now_us())
    return {"files": count, "erased": len(erased), "without_key": _serve_again(household)}


def _require_empty(settings: Settings) -> None:
    if settings.database_url is not None:
        raise Malformed("restore PostgreSQL with pg_restore; this fills a SQLite file")
    if not settings.app_db.exists():
        return
    database = open_database(settings.app_db)
    try:
        database.migrate()
        with database.read() as session:
            empty = not people.list_all(session) and not policies.list_all(session)
    finally:
        database.close()
    if not empty:
        raise Conflict(f"{settings.home} holds a life already; restore into an empty home")


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


def _move_in(folder: Path, made: Path, settings: Settings) -> None:
    """Put the folders in place, and last the database: a home is restored when it has that."""
    for name in FOLDERS:
        if (folder / name).exists():
            # a home without people and policies has nothing in these that anybody could miss
            shutil.rmtree(settings.home / name, ignore_errors=True)
            (folder / name).replace(settings.home / name)
    for suffix in COMPANIONS:
        settings.app_db.with_name(settings.app_db.name + suffix).unlink(missing_ok=True)
    made.replace(settings.app_db)
    durable_files.sync(settings.home)


def _serve_again(household: Household) -> int:
    """Write everybody's online features, and return how many people have no key here."""
    with household.database.read() as session:
        everybody = [PersonId(row.person) for row in people.list_all(session)]
    for person in everybody:
        household.stores.stream.refresh_person(person)
    return sum(not household.vault.has_key(person) for person in everybody)
