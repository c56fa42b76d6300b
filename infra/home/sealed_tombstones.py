"""The sealed list of erased people in a backup: restoring it applies erasures that the keys missed.

The list holds keyed hashes, which reveal nothing without `tombstone.key`. It is sealed with AES-GCM under a key that
HKDF (RFC 5869) derives from `tombstone.key`, so a list that was changed, cut or made by somebody else does not open.
The fingerprint of that key stands beside it: hashes under different keys cannot be compared.
"""

import json
import secrets
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from data_contracts.errors import Malformed
from infra.keys.key_files import KEY_BYTES, TOMBSTONE, fingerprint

__all__ = ["key_of", "open_list", "seal_list"]

VERSION = 1
NONCE_BYTES = 12
USE = b"oO list of erased people in a backup, version 1"


def seal_list(key: bytes, tombstones: Iterable[str]) -> bytes:
    """Return the sealed list under a tombstone key."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    name = fingerprint(TOMBSTONE, key)
    box = _cipher(key).encrypt(nonce, json.dumps(sorted(set(tombstones))).encode(), name.encode())
    return json.dumps({"version": VERSION, "key": name, "box": (nonce + box).hex()}).encode()


def key_of(sealed: bytes) -> str:
    """Return the fingerprint of the tombstone key that a list was sealed under; raises `Malformed`."""
    return _read(sealed)[0]


def open_list(key: bytes, sealed: bytes) -> frozenset[str]:
    """Return the tombstones of a list; raises `Malformed` for one that was changed or sealed under another key."""
    name, box = _read(sealed)
    try:
        text = _cipher(key).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], name.encode())
    except (InvalidTag, ValueError) as error:
        raise Malformed("the backup's list of erased people was changed or sealed under another key") from error
    return frozenset(json.loads(text))


def _read(sealed: bytes) -> tuple[str, bytes]:
    try:
        found = json.loads(sealed)
        if found["version"] != VERSION:
            raise Malformed("the backup's list of erased people was written by a later version of oO; use that one")
        return str(found["key"]), bytes.fromhex(found["box"])
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("the backup's list of erased people is damaged") from error


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=USE).derive(key))
