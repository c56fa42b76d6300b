"""Whether the files of a home belong together: the cheap check of every command.

Each problem is one sentence with its remedy. The check reads a few small files and one small table; what takes longer
is in `infra.home.contents`.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from data_contracts.errors import DamagedStore
from infra.database.engine.connections import database_url
from infra.database.keys import key_fingerprints
from infra.home import home_manifest
from infra.home.home_manifest import HomeManifest
from infra.keys.key_files import FILES, fingerprint, read_key
from infra.settings import Settings

__all__ = [
    "COPY",
    "ONLINE",
    "REBUILD",
    "RESTORE",
    "database_kind",
    "database_problems",
    "file_problems",
    "is_filled",
    "key_problems",
    "kind_problems",
    "lacks_online",
    "require",
    "require_files",
    "sqlite_file",
]

ONLINE = "online.db"
COPY = "put the keys folder back from your copy"
REBUILD = "run `oo features rebuild`, which makes it again from the events"
RESTORE = "put it back, or bring a backup back with `oo restore`"


def sqlite_file(settings: Settings) -> Path | None:
    """Return the file of the application database; None for PostgreSQL."""
    url = database_url(settings.database)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def database_kind(settings: Settings) -> str:
    """Return `sqlite` or `postgresql`."""
    return "postgresql" if sqlite_file(settings) is None else "sqlite"


def is_filled(path: Path) -> bool:
    """Whether there is a file that is not empty."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def lacks_online(settings: Settings) -> bool:
    """Whether the online features of a home on SQLite are missing or empty."""
    return sqlite_file(settings) is not None and not is_filled(settings.online_db)


def require(problems: Iterable[str]) -> None:
    """Raise `DamagedStore` with the first problem, if there is one."""
    for problem in problems:
        raise DamagedStore(problem)


def require_files(settings: Settings) -> None:
    """Raise `DamagedStore` when the files of a home that was made already do not belong together."""
    manifest = home_manifest.load(settings.home)
    if manifest is not None and manifest.complete:
        require(file_problems(settings, manifest))


def file_problems(settings: Settings, manifest: HomeManifest, *, online: bool = True) -> Iterator[str]:
    """Yield what is wrong with the files of a home; without `online` the online features may be missing."""
    yield from key_problems(settings.keys, manifest.keys)
    yield from kind_problems(settings, manifest)
    file = sqlite_file(settings)
    if file is not None and manifest.database == "sqlite" and not is_filled(file):
        yield f"{file} is missing or empty, and the keys of its people are here; {RESTORE}"
    if online and ONLINE in manifest.stores and lacks_online(settings):
        yield f"{settings.online_db} is missing or empty; {REBUILD}"


def kind_problems(settings: Settings, manifest: HomeManifest) -> Iterator[str]:
    """Yield a problem when the settings name another kind of database than the home was made with."""
    if database_kind(settings) != manifest.database:
        yield f"the data of {settings.home} is in a {manifest.database} database; set OO_DATABASE_URL as it was"


def key_problems(keys: Path, accepted: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield what is wrong with the installation's keys, given their accepted fingerprints."""
    for name, file in FILES.items():
        try:
            found = fingerprint(name, read_key(keys / file))
        except DamagedStore as error:
            yield str(error)
            continue
        if found not in accepted.get(name, ()):
            yield f"{keys / file} is not the key that this home was made with; {COPY}"


def database_problems(settings: Settings, manifest: HomeManifest, found: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the database, given the fingerprints that it holds."""
    where = sqlite_file(settings) or "the database of OO_DATABASE_URL"
    if not found:
        yield f"{where} is empty or of another home, and the keys of this home are not its own; {RESTORE}"
    elif found.get(key_fingerprints.HOME) != manifest.home:
        yield f"{where} belongs to another home than {settings.home}; {RESTORE}"
    else:
        for name in FILES:
            accepted = manifest.keys.get(name, ())
            if found.get(name) not in accepted:
                yield f"{where} was written with another {name} key than that of {settings.keys}; {RESTORE}"
