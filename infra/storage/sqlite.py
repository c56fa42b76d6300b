"""SQLite files: how they are opened, checked, and their write-ahead log moved into them.

One discipline for every file of a home: a write-ahead log, deleted bytes overwritten, nothing personal in temporary
files, and no automatic checkpoints, because one process does them (`infra/database/maintenance/checkpointer.py`).
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from data_contracts.errors import DamagedStore

__all__ = ["BUSY_TIMEOUT_MS", "Checkpoint", "check", "checkpoint", "open_file", "pragmas", "prepare", "refusing_damage"]

BUSY_TIMEOUT_MS = 5_000


class Checkpoint(NamedTuple):
    """What a checkpoint did; `busy` when a reader or a writer was in the way."""

    busy: bool
    log_pages: int
    moved_pages: int

    @property
    def complete(self) -> bool:
        """Whether all of the log is in the database file now."""
        return not self.busy and self.log_pages == self.moved_pages


def pragmas(
    synchronous: Literal["FULL", "NORMAL"], *, page_bytes: int | None = None, cache_kb: int | None = None
) -> tuple[str, ...]:
    """Return what each connection to a file is told first.

    With `FULL` an accepted fact survives power loss; `NORMAL` is for what can be made again. `page_bytes` holds for a
    new file. SQLite chooses page and cache where they are not given.
    """
    return (
        f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",  # first: changing the journal mode takes a lock
        *(() if page_bytes is None else (f"PRAGMA page_size={page_bytes}",)),  # before the first page is written
        "PRAGMA journal_mode=WAL",
        f"PRAGMA synchronous={synchronous}",
        "PRAGMA wal_autocheckpoint=0",
        "PRAGMA foreign_keys=ON",
        "PRAGMA secure_delete=ON",
        "PRAGMA temp_store=MEMORY",
        *(() if cache_kb is None else (f"PRAGMA cache_size=-{cache_kb}",)),
    )


def prepare(connection: sqlite3.Connection, said: Sequence[str]) -> None:
    """Tell a new connection its pragmas."""
    for pragma in said:
        connection.execute(pragma)


def open_file(path: Path | str, said: Sequence[str]) -> sqlite3.Connection:
    """Return a new connection in autocommit mode, for any one thread at a time; the caller closes it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    prepare(connection, said)
    return connection


def checkpoint(
    connection: sqlite3.Connection, mode: Literal["PASSIVE", "RESTART", "TRUNCATE"] = "TRUNCATE"
) -> Checkpoint:
    """Move the write-ahead log into the file; `TRUNCATE` empties it as well."""
    busy, log_pages, moved_pages = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return Checkpoint(bool(busy), log_pages, moved_pages)


def check(connection: sqlite3.Connection, path: Path, remedy: str, *, thorough: bool = False) -> None:
    """Read the structure of a file through; raises `DamagedStore`, with its remedy, when it is not whole.

    A `thorough` check also compares the indexes with their tables, which takes several times as long.
    """
    pragma = "integrity_check" if thorough else "quick_check"
    said = connection.execute(f"PRAGMA {pragma}(1)").fetchone()[0].splitlines()[-1]
    if said != "ok":
        raise DamagedStore(f"{path} is damaged ({said}); {remedy}")


@contextmanager
def refusing_damage(path: Path, remedy: str) -> Iterator[None]:
    """Raise `DamagedStore`, with its remedy, for what SQLite says in the block of a damaged file.

    `sqlite3.OperationalError` passes: the file is busy, missing or the disk full, not damaged.
    """
    try:
        yield
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        raise DamagedStore(f"{path} is damaged ({error}); {remedy}") from error
