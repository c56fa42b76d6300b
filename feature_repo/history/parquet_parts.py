"""Crash-safe Parquet parts: named by their digest, whole or absent, behind one lock per folder."""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from data_contracts.errors import Malformed
from infra.storage import files, locks

__all__ = ["adopt", "locked", "temporary", "verify"]

DIGEST_CHARACTERS = 32


def temporary(folder: Path) -> Path:
    """Return a name in the folder, made where it is missing, that no reader sees and no other writer uses."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{secrets.token_hex(8)}.tmp"


def adopt(folder: Path, finished: Path, rows: int) -> Path:
    """Give a finished temporary file its final name, durably, and return it."""
    with finished.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_CHARACTERS]
    part = folder / f"{rows}-{digest}.parquet"
    files.adopt(finished, part)
    return part


def verify(part: Path) -> None:
    """Raise `Malformed`, naming the part, when its bytes are not those once written."""
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if part.stem.rpartition("-")[2] != digest[:DIGEST_CHARACTERS]:
        raise Malformed(f"the history file {part} is damaged: its digest is not the one in its name")


@contextmanager
def locked(root: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a folder of parts, made where it is missing; `shared` by all who only add or read."""
    root.mkdir(parents=True, exist_ok=True)
    lock = root / ".lock"
    lock.touch()
    with locks.locked(lock, shared=shared):
        yield
