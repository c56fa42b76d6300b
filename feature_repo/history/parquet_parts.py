"""Parquet parts that survive a crash: named by their digest, whole or absent, behind one lock per folder."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import flock
from pathlib import Path

from data_contracts.errors import Malformed

__all__ = ["adopt", "locked", "sync", "temporary", "verify"]

DIGEST_CHARACTERS = 32


def temporary(folder: Path) -> Path:
    """Return a name in the folder, made where it is missing, that no reader sees and no other writer uses."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{secrets.token_hex(8)}.tmp"


def adopt(folder: Path, finished: Path, rows: int) -> Path:
    """Give a finished temporary file its final name, durably, and return it."""
    with finished.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGEST_CHARACTERS]
        os.fsync(file.fileno())
    part = folder / f"{rows}-{digest}.parquet"
    finished.replace(part)
    sync(folder)
    return part


def verify(part: Path) -> None:
    """Raise `Malformed`, naming the part, when its bytes are not those once written."""
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if part.stem.rpartition("-")[2] != digest[:DIGEST_CHARACTERS]:
        raise Malformed(f"the history file {part} is damaged: its digest is not the one in its name")


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(root: Path, how: int) -> Iterator[None]:
    """Hold the lock of a folder, `LOCK_SH` or `LOCK_EX`; it ends with its process, however that ends."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as file:
        flock(file, how)
        yield
