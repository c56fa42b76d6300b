"""`home.json`: the ids of keys, database and folder that belong together.

It holds the home's id, the version of this form, the kind of the database, the stores that must exist, and the
fingerprints of the keys. There is no path in it, so a home may be moved. The database holds the same id and
fingerprints: a database, a keys folder or a folder of another home is told apart by them.
"""

import json
import secrets
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from data_contracts.errors import Conflict, DamagedStore
from infra.storage import files

__all__ = ["FORMAT", "NAME", "HomeManifest", "accept", "load", "save"]

NAME = "home.json"
FORMAT = 1
ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class HomeManifest:
    """What `home.json` says. While a home is being made `complete` is false, and what is missing may be made."""

    home: str = field(default_factory=lambda: secrets.token_hex(ID_BYTES))
    format: int = FORMAT
    complete: bool = False
    database: str = "sqlite"
    stores: tuple[str, ...] = ()  # files of the home that must exist and not be empty
    # the accepted fingerprints of each key; two of them only while that key is being replaced
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)


def load(home: Path) -> HomeManifest | None:
    """Return the manifest of a home; None where there is none.

    Raises `Conflict` for one of a later version of oO and `DamagedStore` for a file that is none.
    """
    path = home / NAME
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise DamagedStore(f"{path} is damaged; put it back from your copy, or `oo restore` a backup") from error
    version = found.get("format") if isinstance(found, dict) else None
    if isinstance(version, int) and version > FORMAT:
        raise Conflict(f"a later version of oO made {home} (form {version}, {FORMAT} is known); use that one")
    try:
        found["stores"] = tuple(found["stores"])
        found["keys"] = {name: tuple(accepted) for name, accepted in found["keys"].items()}
        return HomeManifest(**found)
    except (AttributeError, KeyError, TypeError) as error:
        raise DamagedStore(f"{path} is damaged; put it back from your copy, or `oo restore` a backup") from error


def save(home: Path, manifest: HomeManifest) -> None:
    """Write the manifest of a home, in one step."""
    files.make_private_folder(home)
    files.replace(home / NAME, f"{json.dumps(asdict(manifest), indent=1)}\n".encode())


def accept(home: Path, name: str, fingerprint: str) -> None:
    """Accept a key that is about to take the place of the current one, beside that one; a home not made yet needs none.

    An interrupted replacement therefore leaves a home that can be opened.
    """
    manifest = load(home)
    if manifest is None or not manifest.complete:
        return
    current = manifest.keys.get(name, ())[-1:]
    save(home, replace(manifest, keys={**manifest.keys, name: (*current, fingerprint)}))
