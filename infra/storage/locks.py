"""Locks between processes: of files and folders, and of roles, which one process of a home has at a time.

A lock is `flock` on a file. The kernel releases it when its process ends, however that happens, so a lock is never
stale and its file may stay. The owner of a role writes its process id and command into the file, but never an argument;
only a refusal reads them.
"""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_contracts.errors import Conflict
from infra.storage.files import make_private_folder

__all__ = ["RoleLock", "locked"]

MODE = 0o600


@contextmanager
def locked(path: Path, *, shared: bool = False) -> Iterator[int]:
    """Wait for the lock of a file or a folder, hold it during the block and give the descriptor.

    A `shared` lock excludes only those who hold it alone.
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


class RoleLock:
    """One role at one place; `role` names both in a refusal.

    The owner is written into the file unless `named` is false: for roles that change hands often.
    """

    def __init__(self, path: Path, role: str, *, named: bool = True) -> None:
        self.role = role
        self._path = path
        self._named = named
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def try_take(self) -> bool:
        """Take the lock without waiting, and return whether it is held now."""
        if self._descriptor is not None:
            return True
        make_private_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        if self._named:
            with suppress(OSError):  # a full disk: the lock holds, only a refusal cannot say whose it is
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, f"{os.getpid()} {_command()}".encode(), 0)
        return True

    def take(self) -> None:
        """Take the lock; raises `Conflict`, which names the process that holds it."""
        if not self.try_take():
            raise Conflict(f"{self.role} runs already, as {self.owner()}; end that first")

    def owner(self) -> str:
        """Return what the owner, now or last, wrote about itself."""
        try:
            written = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            written = ""
        number, _, command = written.partition(" ")
        return f"process {number} (`{command}`)" if number else "another process"

    def wait(self) -> None:
        """Take the lock as soon as it is free."""
        if self._descriptor is None:
            make_private_folder(self._path.parent)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, MODE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            except BaseException:
                os.close(descriptor)
                raise
            self._descriptor = descriptor

    def keep_after_exec(self) -> int:
        """Let the program that replaces this process, or a child with the descriptor, hold the lock; return it.

        Raises `Conflict` when the lock is not held.
        """
        if self._descriptor is None:
            raise Conflict(f"{self.role} is not held by this process")
        os.set_inheritable(self._descriptor, True)
        return self._descriptor

    def release(self) -> None:
        """Let another process have the role; a process that inherited the descriptor keeps it until its own end."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the lock during the block; raises `Conflict`."""
        self.take()
        try:
            yield
        finally:
            self.release()

    @contextmanager
    def waited(self) -> Iterator[None]:
        """Wait for the lock, and hold it during the block."""
        self.wait()
        try:
            yield
        finally:
            self.release()


def _command() -> str:
    """Return which command this process is, without its arguments: they name people and files."""
    program = Path(sys.argv[0]).name
    name = "oo" if program == "__main__.py" else program
    words = [word for word in sys.argv[1:3] if word.isalpha()] if name == "oo" else []
    return " ".join((name, *words[: 2 if words[:1] == ["serve"] else 1]))
