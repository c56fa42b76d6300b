"""Crash-safe files: complete under their name, or absent."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

__all__ = [
    "adopt",
    "append_line",
    "create_once",
    "make_private_folder",
    "replace",
    "shred",
    "sync",
    "touch_private",
]

PRIVATE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """Create a folder, and whatever is missing above it, that only its owner can enter."""
    if not folder.is_dir():
        make_private_folder(folder.parent)  # `parents=True` would leave those to the umask
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def create_once(path: Path, content: bytes) -> bytes:
    """Create a private file and return its content: ours, or that of the process that came first."""
    temporary = _write_beside(path, content)
    try:
        os.link(temporary, path)  # unlike a rename, this fails where the name is taken
    except FileExistsError:
        return path.read_bytes()
    finally:
        temporary.unlink()
    sync(path.parent)
    return content


def touch_private(path: Path) -> None:
    """Make sure that a file exists; a new one can be read by its owner only.

    A file that is there is not opened: to close any descriptor of it would drop the locks that SQLite holds on it.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))


def replace(path: Path, content: bytes) -> None:
    """Put a private file in place of whatever has the name, in one step."""
    _write_beside(path, content).replace(path)
    sync(path.parent)


def adopt(finished: Path, path: Path) -> None:
    """Give a finished temporary file of the same folder its name, durably, in place of whatever has the name."""
    sync(finished)
    finished.replace(path)
    sync(path.parent)


def append_line(path: Path, line: str) -> None:
    """Add one line to a private file, durably; lines of several processes don't mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE)
    try:
        os.write(descriptor, f"{line}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync(path.parent)


def shred(path: Path) -> bool:
    """Overwrite a file with random bytes, then remove it; return whether there was one."""
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return False
    try:
        os.write(descriptor, secrets.token_bytes(os.fstat(descriptor).st_size))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink(missing_ok=True)
    sync(path.parent)
    return True


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_beside(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return temporary
