"""Whether the contents of a home belong together: keys that open, tombstones, signatures.

Asked once when a home of an older version is taken over, and by `oo doctor`. Each problem is one sentence with its
remedy.
"""

import json
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from data_contracts.errors import DamagedStore, OOError
from infra.database.engine.database import Database, Session, open_database
from infra.database.keys import key_fingerprints, sealed_data
from infra.database.maintenance import erasure
from infra.database.people import people
from infra.database.policies import policies
from infra.home import home_manifest
from infra.home.consistency import COPY, database_problems, file_problems
from infra.keys.key_files import read_key
from infra.settings import Settings
from infra.signing import PRIVATE, PUBLIC
from infra.vault import Vault

__all__ = ["contents_problems", "home_problems", "seal_problems", "signatures"]


def home_problems(settings: Settings) -> list[str]:
    """Return everything that is wrong with a home that was made already, and nothing for one that was not."""
    try:
        manifest = home_manifest.load(settings.home)
    except OOError as error:
        return [str(error)]
    if manifest is None or not manifest.complete:
        return []  # made, or taken over with checks of its own, when it is opened
    found = list(file_problems(settings, manifest))
    if found:
        return found
    found += seal_problems(settings)
    vault = Vault(settings.keys, new=False)
    database = open_database(settings.database)
    try:
        database.check(thorough=True)
        found += database_problems(settings, manifest, key_fingerprints.binding(database))
        return found or list(contents_problems(settings, database, vault))
    except OOError as error:
        return [*found, str(error)]
    finally:
        database.close()


def contents_problems(settings: Settings, database: Database, vault: Vault) -> Iterator[str]:
    """Yield where people's keys and tombstones do not fit the database."""
    for damaged in vault.damaged_keys():
        yield f"{damaged} does not open with master.key; {COPY}"
    with database.read() as session:
        everybody = people.list_all(session) or erasure.unfinished(session)
        for person in sealed_data.people_with_sealed_data(session):
            if not vault.has_key(person):
                yield f"{settings.keys / 'people' / person}.key is missing; {COPY}, or erase the person: `oo forget`"
        lost = erasure.tombstones(session) - vault.tombstones()
    if lost:
        yield f"{settings.keys / 'tombstones'} lacks {len(lost)} erased people; {COPY}"
    if not everybody and vault.has_keys():
        yield f"the database knows nobody, and {settings.keys / 'people'} holds keys; bring a backup back: `oo restore`"


def seal_problems(settings: Settings) -> Iterator[str]:
    """Yield what is wrong with the two halves of the key that signs policies."""
    try:
        private = Ed25519PrivateKey.from_private_bytes(read_key(settings.keys / PRIVATE))
        public = read_key(settings.keys / PUBLIC)
    except DamagedStore as error:
        yield str(error)
        return
    if private.public_key().public_bytes_raw() != public:
        yield f"{settings.keys / PUBLIC} is not the public half of {PRIVATE}; {COPY}"


def signatures(settings: Settings, session: Session) -> dict[str, str]:
    """Return the signature of each registered policy whose manifest is here and signed, by digest."""
    signed = {}
    for row in policies.list_all(session):
        try:
            manifest = json.loads((settings.policies / row.digest / "manifest.json").read_bytes())
        except (FileNotFoundError, ValueError):
            continue  # serving refuses it by itself
        if isinstance(manifest, dict) and isinstance(manifest.get("signature"), str):
            signed[row.digest] = manifest["signature"]
    return signed
