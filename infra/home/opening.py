"""Opens a home: creates a new one, adopts one of an older version once, refuses one whose parts do not match.

Of several processes that open a new or an older home at once, one makes it or takes it over and the others wait.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data_contracts.identifiers import PersonId
from infra.bus import Bus
from infra.database.audit import audit_chain
from infra.database.engine.database import Database, open_database
from infra.database.keys import key_fingerprints, sealed_data
from infra.database.maintenance import erasure
from infra.database.people import people
from infra.database.policies import policies
from infra.home import home_manifest
from infra.home.consistency import (
    COPY,
    ONLINE,
    REBUILD,
    RESTORE,
    database_kind,
    database_problems,
    file_problems,
    is_filled,
    kind_problems,
    lacks_online,
    require,
    sqlite_file,
)
from infra.home.contents import contents_problems, seal_problems, signatures
from infra.home.home_manifest import HomeManifest
from infra.keys.key_files import FILES, MASTER, TOMBSTONE, fingerprints
from infra.settings import Settings
from infra.signing import PRIVATE, PUBLIC, PolicySeal
from infra.storage.locks import RoleLock
from infra.vault import Vault

__all__ = ["OpenedHome", "bound_fingerprints", "bound_manifest", "home_lock", "open_home"]

DATA_FOLDERS = ("history", "snapshots", "policies", "keys/people")


@dataclass(frozen=True, slots=True)
class OpenedHome:
    """The keys and the database of a home that belong together; the caller closes the database."""

    vault: Vault
    seal: PolicySeal
    database: Database


def home_lock(home: Path) -> RoleLock:
    """Return the lock for making, adopting or restoring a home."""
    return RoleLock(home / "locks" / "home", f"a change of {home}")


def open_home(
    settings: Settings,
    bus: Bus,
    *,
    now_us: int,
    make_online: Callable[[], None],
    online: bool = True,
    answer_s: float | None = None,
) -> OpenedHome:
    """Return the keys and the database of a home.

    `make_online` makes the online tables where they are missing in a new home. Without `online` they may be missing:
    they are about to be made again. Raises `DamagedStore`, with the remedy, for a home that does not belong together,
    and `Conflict` for one of a later version.
    """
    manifest = home_manifest.load(settings.home)
    if manifest is None or not manifest.complete:
        with home_lock(settings.home).waited():
            manifest = home_manifest.load(settings.home)
            if manifest is None or not manifest.complete:
                manifest = _begin(settings, manifest, now_us, online=online)
                make_online()
                home_manifest.save(settings.home, manifest)
    require(file_problems(settings, manifest, online=online))
    opened = _open_keys(settings, bus, answer_s=answer_s)
    try:
        require(database_problems(settings, manifest, key_fingerprints.binding(opened.database)))
        _unite_tombstones(opened, now_us)
    except BaseException:
        opened.database.close()
        raise
    return opened


def _open_keys(settings: Settings, bus: Bus, *, new: bool = False, answer_s: float | None = None) -> OpenedHome:
    """Return keys and database without asking whether they belong together; only in a `new` home are keys made."""

    def has_sealed_data(person: PersonId) -> bool:
        with database.read() as session:
            return sealed_data.has_sealed_data(session, person)

    vault = Vault(settings.keys, new=new, has_sealed_data=has_sealed_data)
    database = open_database(
        settings.database, bus=bus, tombstone=vault.tombstone, audit_key=vault.audit_key, answer_s=answer_s
    )
    return OpenedHome(vault, PolicySeal(settings.keys, new=new), database)


def bound_manifest(settings: Settings, home: str) -> HomeManifest:
    """Return the complete manifest of a home with this id and the keys that lie in it."""
    file = sqlite_file(settings)
    return HomeManifest(
        home=home,
        complete=True,
        database=database_kind(settings),
        stores=() if file is None else (file.name, ONLINE),
        keys={name: (value,) for name, value in fingerprints(settings.keys).items()},
    )


def bound_fingerprints(manifest: HomeManifest) -> dict[str, str]:
    """Return what the database of a home holds: its id, and the current fingerprint of each key."""
    return {key_fingerprints.HOME: manifest.home} | {name: accepted[-1] for name, accepted in manifest.keys.items()}


def _bind(settings: Settings, database: Database, home: str, now_us: int) -> HomeManifest:
    """Write id and fingerprints into a database that has none yet, and return the complete manifest, not yet saved.

    Raises `DamagedStore` for a database that is bound to another home or other keys.
    """
    manifest = bound_manifest(settings, home)
    with database.unit_of_work() as uow:
        key_fingerprints.record(uow, bound_fingerprints(manifest), at_us=now_us)
        uow.commit()
    require(database_problems(settings, manifest, key_fingerprints.binding(database)))
    return manifest


def _begin_audit(database: Database, now_us: int) -> None:
    """Begin the chain of the audit log, and make its key, unless it has begun; older entries are protected too."""
    with database.unit_of_work() as uow:
        audit_chain.lock(uow, at_us=now_us)
        uow.commit()


def _begin(settings: Settings, begun: HomeManifest | None, now_us: int, *, online: bool) -> HomeManifest:
    """Make a new home, or take over an older one, and return its manifest; `begun` is that of an interrupted run."""
    if begun is None and not _is_new(settings):
        return _take_over(settings, now_us, online=online)
    if begun is None:
        begun = HomeManifest(database=database_kind(settings))
        home_manifest.save(settings.home, begun)  # from here on a crash leaves a home that is known to be new
    require(kind_problems(settings, begun))
    opened = _open_keys(settings, Bus(), new=True)
    try:
        opened.database.migrate()
        _ = opened.seal.public
        _begin_audit(opened.database, now_us)
        return _bind(settings, opened.database, begun.home, now_us)
    finally:
        opened.database.close()


def _take_over(settings: Settings, now_us: int, *, online: bool) -> HomeManifest:
    """Bind the parts of an older home to each other, when every check passes."""
    require(_older_problems(settings, online=online))
    opened = _open_keys(settings, Bus())
    database = opened.database
    try:
        database.check()
        database.migrate()
        require(contents_problems(settings, database, opened.vault))
        require(_older_seal_problems(settings, database))
        _begin_audit(database, now_us)
        found = key_fingerprints.binding(database)
        return _bind(settings, database, found.get(key_fingerprints.HOME, HomeManifest().home), now_us)
    finally:
        database.close()


def _older_problems(settings: Settings, *, online: bool) -> Iterator[str]:
    """Yield what is wrong with the files of an older home, before anything is opened."""
    file = sqlite_file(settings)
    if file is not None and not is_filled(file):
        yield f"{file} is missing or empty, and {settings.home} holds keys or data; {RESTORE}"
    for name in (MASTER, TOMBSTONE):
        path = settings.keys / FILES[name]
        if not path.exists():
            yield f"{path} is missing; {COPY}"
    if online and lacks_online(settings):
        yield f"{settings.online_db} is missing or empty; {REBUILD}"


def _older_seal_problems(settings: Settings, database: Database) -> Iterator[str]:
    """Yield what is wrong with the key that signs policies; a home that never signed one gets its key here."""
    with database.read() as session:
        signed = signatures(settings, session)
    public, private = settings.keys / PUBLIC, settings.keys / PRIVATE
    if signed and not public.exists() and not private.exists():
        yield f"{private} is missing, and there are signed policies; {COPY}"
        return
    seal = PolicySeal(settings.keys, new=True)
    if signed and not any(seal.holds(digest, signature) for digest, signature in signed.items()):
        yield f"no policy was signed with the key in {public}; {COPY}"
    _ = seal.public  # made where it is missing
    yield from seal_problems(settings)


def _is_new(settings: Settings) -> bool:
    """Whether nothing in this home, and nothing in its database, was there before; bare keys have sealed nothing."""
    if (settings.keys / "tombstones").exists() or any(_has_files(settings.home / name) for name in DATA_FOLDERS):
        return False
    file = sqlite_file(settings)
    if file is not None and not is_filled(file):
        return not is_filled(settings.online_db)
    database = open_database(settings.database)
    try:
        database.check()
        database.migrate()
        with database.read() as session:
            lived = people.list_all(session) or erasure.unfinished(session) or erasure.tombstones(session)
            known = lived or policies.list_all(session)
        return not known and not key_fingerprints.binding(database)
    finally:
        database.close()


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is not None


def _unite_tombstones(opened: OpenedHome, now_us: int) -> None:
    """Let database and keys folder agree on who was erased, where a look at their numbers says that they do not."""
    with opened.database.read() as session:
        agreed = erasure.count_tombstones(session) == opened.vault.count_tombstones()
    if not agreed:
        erasure.unite_tombstones(opened.database, opened.vault, now_us=now_us)
