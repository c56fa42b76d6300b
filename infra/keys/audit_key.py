"""The key of the audit log: HMAC-SHA256 under `keys/audit.key`, with a label for each use.

The key is made when the chain of an audit log begins, and never again: a chain that exists without its key is a damaged
home, and a new key would hide that.
"""

import hmac
import json
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from infra.keys.key_files import KEY_BYTES, read_key
from infra.storage import files

__all__ = ["AuditKey", "Use"]

ID_CHARS = 16
NAME = "audit.key"
Use = Literal["entry", "state", "anchor", "id"]


class AuditKey:
    """Computes the MACs of audit entries, of the chain's state and of its anchors."""

    def __init__(self, keys: Path) -> None:
        self._path = keys / NAME
        self._key: bytes | None = None

    def make(self) -> None:
        """Create the key unless it exists; only for a chain that begins."""
        files.make_private_folder(self._path.parent)
        if not self._path.exists():
            files.create_once(self._path, secrets.token_bytes(KEY_BYTES))

    @property
    def exists(self) -> bool:
        """Whether the key is here."""
        return self._path.exists()

    @property
    def id(self) -> str:
        """A name of the key that does not tell it, 16 hex characters; raises as `mac` does."""
        return self.mac("id", [])[:ID_CHARS]

    def mac(self, use: Use, values: Sequence[Any]) -> str:
        """Return the MAC of JSON values for one use, 64 hex characters.

        Raises `DamagedStore` when the key is missing or damaged.
        """
        derived = hmac.new(self._read(), f"oO audit {use}, version 1".encode(), sha256).digest()
        return hmac.new(derived, canonical(values), sha256).hexdigest()

    def _read(self) -> bytes:
        if self._key is None:
            self._key = read_key(self._path)
        return self._key


def canonical(values: Sequence[Any]) -> bytes:
    """Return JSON values as bytes that do not depend on the database that kept them."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
