"""Random credentials of our own services, in files that only their owner can read.

A server that `oo` starts and stops gets one per start. A service that others must find again after a restart (the
scorer, and the servers of the compose file) has one among the keys of the home, made at the first use.
"""

import secrets
from pathlib import Path

from data_contracts.errors import Malformed
from infra.storage import files

__all__ = ["USER", "kept_secret", "new_secret", "path_of"]

USER = "oo"  # of HTTP Basic credentials
SECRET_BYTES = 32
LEAST_CHARS = 43  # of 32 bytes in base64


def new_secret() -> str:
    """Return a random secret of 256 bits, safe in URLs and headers."""
    return secrets.token_urlsafe(SECRET_BYTES)


def path_of(keys: Path, service: str) -> Path:
    """Return where the credential of a service lies."""
    return keys / f"{service}.credential"


def kept_secret(keys: Path, service: str) -> str:
    """Return the secret of a service, made at the first use; raises `Malformed` for a damaged file."""
    path = path_of(keys, service)
    if not path.exists():
        files.make_private_folder(keys)
        files.create_once(path, new_secret().encode())
    secret = path.read_text(encoding="ascii", errors="replace").strip()
    if len(secret) < LEAST_CHARS or not secret.isascii() or not secret.isprintable():
        raise Malformed(f"{path.name} is damaged; delete it, and the next start makes a new one")
    return secret
