"""The installation's files in the keys folder, and their fingerprints.

A fingerprint is a SHA-256 with a label. The keys are 32 random bytes, so it reveals nothing of them. The database and
`home.json` hold the fingerprints of the keys that the data was made with.
"""

from hashlib import sha256
from pathlib import Path

from data_contracts.errors import DamagedStore

__all__ = [
    "AUDIT",
    "FILES",
    "KEY_BYTES",
    "MASTER",
    "POLICY_SIGNING",
    "TOMBSTONE",
    "fingerprint",
    "fingerprints",
    "read_key",
]

KEY_BYTES = 32
MASTER, TOMBSTONE, POLICY_SIGNING, AUDIT = "master", "tombstone", "policy_signing", "audit"
# the public half stands for the pair: a process that only serves need not read the private one
FILES = {
    MASTER: "master.key",
    TOMBSTONE: "tombstone.key",
    POLICY_SIGNING: "policy_signing.pub",
    AUDIT: "audit.key",
}
LABEL = "oO key fingerprint, version 1"


def fingerprint(name: str, key: bytes) -> str:
    """Return the fingerprint of a key under its name, 64 hex characters."""
    return sha256(f"{LABEL}|{name}|".encode() + key).hexdigest()


def read_key(path: Path) -> bytes:
    """Return the key in this file; raises `DamagedStore` when it is missing or not a key."""
    try:
        key = path.read_bytes()
    except FileNotFoundError as error:
        raise DamagedStore(
            f"{path} is missing; put the keys folder back from your copy, since a new key cannot stand in for it"
        ) from error
    if len(key) != KEY_BYTES:
        raise DamagedStore(f"{path} does not hold {KEY_BYTES} bytes; put the keys folder back from your copy")
    return key


def fingerprints(keys: Path) -> dict[str, str]:
    """Return the fingerprint of each installation key by name; raises `DamagedStore` for a missing or damaged file."""
    return {name: fingerprint(name, read_key(keys / file)) for name, file in FILES.items()}
