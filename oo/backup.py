"""One archive of a home without its keys, and the way back."""

import tarfile
import tempfile
from pathlib import Path

from data_contracts.errors import Conflict, Malformed
from data_contracts.identifiers import PersonId
from feature_repo.history import History
from infra.database import backup, people
from infra.vault import Vault
from oo.household import Household

DATABASE = "app.db"
FOLDERS = ("history", "policies", "mlflow")


def write_backup(household: Household, file: Path) -> dict[str, int]:
    """Write one consistent copy of everything that cannot be made again; raises `Conflict` when the file exists."""
    if file.exists():
        raise Conflict(f"{file} exists already; name another file")
    home = household.settings.home
    with tempfile.TemporaryDirectory(dir=home, prefix=".backup-") as folder:
        copy = backup.back_up(household.database, Path(folder) / "copy" / DATABASE)
        partial = file.with_name(f".{file.name}.partial")
        with tarfile.open(partial, "w:gz") as archive:
            archive.add(copy, DATABASE)
            for name in FOLDERS:
                if (home / name).exists():
                    archive.add(home / name, name)
            count = sum(member.isfile() for member in archive.getmembers())
        partial.chmod(0o600)
        partial.replace(file)
    return {"files": count, "bytes": file.stat().st_size}


def restore_backup(household: Household, file: Path) -> dict[str, int]:
    """Fill an empty home from an archive and make the online features again.

    Raises `Conflict` when the home holds a database already, `Malformed` for what is no backup of oO.
    """
    settings = household.settings
    if settings.app_db.exists():
        raise Conflict(f"{settings.home} holds a database already; restore into an empty home")
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.home, prefix=".restore-") as folder:
        count = _extract(file, Path(folder))
        erased = backup.restore(
            Path(folder) / DATABASE, settings.app_db, vault=Vault(settings.keys), now_us=household.now_us()
        )
        for name in FOLDERS:
            if (Path(folder) / name).exists():
                (Path(folder) / name).replace(settings.home / name)
    for person in erased:
        History(settings.history).forget(person)
    _serve_again(household)
    return {"files": count, "erased": len(erased)}


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


def _serve_again(household: Household) -> None:
    with household.database.read() as session:
        household_people = people.list_all(session)
    for row in household_people:
        household.stores.stream.refresh_person(PersonId(row.person))
