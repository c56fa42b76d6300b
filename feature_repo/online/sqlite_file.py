"""The online tables in one SQLite file.

`synchronous=NORMAL` is right here and only here: everything in this file is derived from the event log and is rebuilt
from it. Automatic checkpoints are off: the checkpointer that the composition root starts keeps the log bounded.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import DamagedStore
from data_contracts.features import Source
from data_contracts.identifiers import PersonId
from feature_repo.online.packets import (
    CHUNK,
    OnlinePacket,
    Packets,
    StoredPool,
    ViewRow,
    view_rows,
    words,
)
from feature_repo.state.packed_view import HEAD_BYTES
from infra.storage import sqlite

PRAGMAS = sqlite.pragmas("NORMAL", page_bytes=8_192, cache_kb=16_384)  # a hundred people stay in memory
REMEDY = "stop oO, delete it, and run `oo features rebuild`: all of it is made from events"
SQLITE_TABLES = """
CREATE TABLE IF NOT EXISTS served (
    person TEXT NOT NULL, view TEXT NOT NULL, event_us INTEGER NOT NULL, sequence INTEGER NOT NULL,
    payload BLOB NOT NULL, PRIMARY KEY (person, view));
CREATE TABLE IF NOT EXISTS pool (person TEXT PRIMARY KEY NOT NULL, built_us INTEGER NOT NULL, payload BLOB NOT NULL);
"""
SQLITE_READ = (
    "SELECT view, event_us, payload FROM served WHERE person = ? "
    "UNION ALL SELECT 'pool', built_us, NULL FROM pool WHERE person = ?"
)
SQLITE_READ_POOL = "SELECT built_us, payload FROM pool WHERE person = ?"
SQLITE_READ_VIEW = "SELECT person, view, event_us, sequence, payload FROM served WHERE person = ? AND view = ?"
SQLITE_HEADS = f"SELECT person, view, substr(payload, 1, {HEAD_BYTES}) FROM served"  # noqa: S608 - our own number
SQLITE_WRITE = """
INSERT INTO served VALUES (?, ?, ?, ?, ?) ON CONFLICT (person, view) DO UPDATE
SET event_us = excluded.event_us, sequence = excluded.sequence, payload = excluded.payload
WHERE (excluded.event_us, excluded.sequence) > (served.event_us, served.sequence)
"""
SQLITE_WRITE_POOL = """
INSERT INTO pool VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE
SET built_us = excluded.built_us, payload = excluded.payload WHERE excluded.built_us >= pool.built_us
"""


class OnlineFile:
    """The tables in one SQLite file; opening one whose structure is damaged raises `DamagedStore`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.packets = Packets()
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._writing, sqlite.refusing_damage(path, REMEDY):
                sqlite.check(self._connection(), path, REMEDY)
                self._connection().executescript(SQLITE_TABLES)
        except DamagedStore:
            self.close()
            raise

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect()
            self._opened.append(connection)
        return connection

    def connect(self) -> sqlite3.Connection:
        """Return a new connection, which the caller closes."""
        return sqlite.open_file(self.path, PRAGMAS)

    def read(self, person: str) -> OnlinePacket:
        """Return the served row of a person, and when their pool was built, in one statement."""
        return self.packets.packet(
            PersonId(person), self._connection().execute(SQLITE_READ, (person, person)).fetchall()
        )

    def read_pool(self, person: str) -> StoredPool | None:
        """Return the pool of a person."""
        row = self._connection().execute(SQLITE_READ_POOL, (person,)).fetchone()
        return None if row is None else StoredPool(*row)

    def read_views(self, persons: Sequence[str], view: str) -> dict[str, ViewRow]:
        """Return one view of many persons."""
        execute = self._connection().execute
        rows = (execute(SQLITE_READ_VIEW, (person, view)).fetchone() for person in persons)
        return {row[0]: ViewRow(*row) for row in rows if row is not None}

    def newest_words(self) -> Iterator[tuple[str, Source, int]]:
        """Yield (person, source, time of its newest word) of every stored view."""
        return words(self._connection().execute(SQLITE_HEADS))

    def write(self, person: str, parts: Mapping[Source, NamedTuple], event_us: int, sequence: int) -> None:
        """Write the changed views of a person under the guard."""
        self.write_rows(view_rows(person, parts, event_us, sequence))

    def write_rows(self, rows: Iterable[ViewRow]) -> None:
        """Write packed views under the guard, a short transaction per chunk."""
        waiting = list(rows)
        for first in range(0, len(waiting), CHUNK):
            self._transact(SQLITE_WRITE, waiting[first : first + CHUNK])

    def write_pool(self, person: str, built_us: int, payload: bytes) -> None:
        """Replace a person's candidate pool unless the stored one was built later."""
        self._transact(SQLITE_WRITE_POOL, [(person, built_us, payload)])

    def delete(self, person: str) -> None:
        """Remove everything about a person; `checkpoint` then empties the log that still holds the old pages."""
        self._transact("DELETE FROM served WHERE person = ?", [(person,)])
        self._transact("DELETE FROM pool WHERE person = ?", [(person,)])
        self.packets.forget(PersonId(person))

    def expire(self, *, served_before_us: int, pool_before_us: int) -> tuple[int, int]:
        """Remove views and pools made before then; return how many of each."""
        with self._writing:
            execute = self._connection().execute
            served = execute("DELETE FROM served WHERE event_us < ?", (served_before_us,)).rowcount
            return served, execute("DELETE FROM pool WHERE built_us < ?", (pool_before_us,)).rowcount

    def _transact(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        with self._writing:
            connection = self._connection()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.executemany(statement, rows)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and truncate it."""
        with self._writing:
            sqlite.checkpoint(self._connection())

    def drop(self) -> None:
        """Remove the tables."""
        with self._writing:
            self._connection().executescript("DROP TABLE IF EXISTS served; DROP TABLE IF EXISTS pool;")

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()
