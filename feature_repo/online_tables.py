"""The online tables: one packed row per person and view, and the person's candidate pool, read in one statement.

The hot path reads and the stream writes through here, and the Feast online store is a thin coat over the same class,
so nothing in this module imports feast. A write wins only when its (event time, sequence) is newer than what is
stored, so late and repeated materialisation cannot take a value back.

On SQLite, `synchronous=NORMAL` is right here and only here: everything in this file is derived from the event log and
is rebuilt from it. Automatic checkpoints are off; the process that owns the checkpoints calls `checkpoint()`.
"""

import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg

from data_contracts.features import Source
from data_contracts.served import ServedRow
from feature_repo.packed_view import pack_view, unpack_view

BUSY_TIMEOUT_MS = 5_000
CHUNK = 64  # rows per transaction, so that no writer holds the file for more than about 5 ms
POOL = "pool"
POSITIONS: dict[str, int] = {name: index for index, name in enumerate(ServedRow._fields)}


class ViewRow(NamedTuple):
    """One stored view of one person."""

    person: str
    view: str
    event_us: int
    sequence: int
    payload: bytes


class OnlinePacket(NamedTuple):
    """All that a decision reads of a person's features, and the sealed candidate pool."""

    row: ServedRow
    event_us: int  # of the newest view, 0 when the person is unknown here
    pool: bytes | None
    pool_built_us: int


class OnlineTables(Protocol):
    """Where served rows live; safe to use from several threads."""

    def read(self, person: str) -> OnlinePacket:
        """Return the served row and the pool of a person; views that were never written are empty."""
        ...

    def read_views(self, persons: Sequence[str], view: str) -> dict[str, ViewRow]:
        """Return one view of many persons."""
        ...

    def write(self, person: str, parts: Mapping[Source, NamedTuple], event_us: int, sequence: int) -> None:
        """Write the changed views of a person; an older (event time, sequence) than the stored one changes nothing."""
        ...

    def write_rows(self, rows: Iterable[ViewRow]) -> None:
        """Write packed views of many persons under the same guard, in short transactions."""
        ...

    def write_pool(self, person: str, built_us: int, payload: bytes) -> None:
        """Replace a person's candidate pool unless the stored one was built later."""
        ...

    def delete(self, person: str) -> None:
        """Remove everything about a person."""
        ...

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and empty it; does nothing where there is none."""
        ...

    def drop(self) -> None:
        """Remove the tables themselves."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


def open_online(location: Path | str) -> OnlineTables:
    """Return the tables at a SQLite path or a `postgresql://` address, created where they are missing."""
    if isinstance(location, str) and location.startswith("postgres"):
        return OnlinePostgres(location)
    return OnlineFile(Path(location))


def view_rows(person: str, parts: Mapping[Source, NamedTuple], event_us: int, sequence: int) -> list[ViewRow]:
    """Return the packed rows of some views of a person."""
    return [ViewRow(person, source.value, event_us, sequence, pack_view(part)) for source, part in parts.items()]


def packet(stored: Iterable[tuple[str, int, bytes]]) -> OnlinePacket:
    """Return the packet of (view or pool, time, payload) rows."""
    parts: list[Any] = list(EMPTY)
    newest_us = pool_built_us = 0
    pool = None
    for name, at_us, payload in stored:
        if name == POOL:
            pool, pool_built_us = payload, at_us
        else:
            parts[POSITIONS[name]] = unpack_view(Source(name), payload)
            newest_us = max(newest_us, at_us)
    return OnlinePacket(ServedRow(*parts), newest_us, pool, pool_built_us)


EMPTY = ServedRow()


class OnlineFile:
    """The tables in one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._writing:
            self._connection().executescript(SQLITE_TABLES)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            connection.executescript(SQLITE_PRAGMAS)
            self._local.connection = connection
            self._opened.append(connection)
        return connection

    def read(self, person: str) -> OnlinePacket:
        """Return the served row and the pool of a person in one statement."""
        return packet(self._connection().execute(SQLITE_READ, (person, person)))

    def read_views(self, persons: Sequence[str], view: str) -> dict[str, ViewRow]:
        """Return one view of many persons."""
        execute = self._connection().execute
        rows = (execute(SQLITE_READ_VIEW, (person, view)).fetchone() for person in persons)
        return {row[0]: ViewRow(*row) for row in rows if row is not None}

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
            self._connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

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


class OnlinePostgres:
    """The same tables in the schema `online` of a PostgreSQL database."""

    def __init__(self, address: str) -> None:
        self._address = address.replace("postgresql+psycopg://", "postgresql://")
        self._local = threading.local()
        self._opened: list[psycopg.Connection[tuple[Any, ...]]] = []
        self._connection().execute(POSTGRES_TABLES)

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection: psycopg.Connection[tuple[Any, ...]] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = psycopg.connect(self._address, autocommit=True)
            self._local.connection = connection
            self._opened.append(connection)
        return connection

    def read(self, person: str) -> OnlinePacket:
        """Return the served row and the pool of a person in one statement."""
        return packet(self._connection().execute(POSTGRES_READ, (person, person)))

    def read_views(self, persons: Sequence[str], view: str) -> dict[str, ViewRow]:
        """Return one view of many persons in one statement."""
        rows = self._connection().execute(POSTGRES_READ_VIEW, (view, list(persons)))
        return {row[0]: ViewRow(*row) for row in rows}

    def write(self, person: str, parts: Mapping[Source, NamedTuple], event_us: int, sequence: int) -> None:
        """Write the changed views of a person under the guard."""
        self.write_rows(view_rows(person, parts, event_us, sequence))

    def write_rows(self, rows: Iterable[ViewRow]) -> None:
        """Write packed views under the guard, in key order so that two writers cannot deadlock."""
        self._transact(POSTGRES_WRITE, sorted(rows))

    def write_pool(self, person: str, built_us: int, payload: bytes) -> None:
        """Replace a person's candidate pool unless the stored one was built later."""
        self._transact(POSTGRES_WRITE_POOL, [(person, built_us, payload)])

    def delete(self, person: str) -> None:
        """Remove everything about a person."""
        self._transact("DELETE FROM online.served WHERE person = %s", [(person,)])
        self._transact("DELETE FROM online.pool WHERE person = %s", [(person,)])

    def _transact(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        connection = self._connection()
        for first in range(0, len(rows), CHUNK):
            with connection.transaction(), connection.cursor() as cursor:
                cursor.executemany(statement, rows[first : first + CHUNK])

    def checkpoint(self) -> None:
        """Do nothing: the server checkpoints."""

    def drop(self) -> None:
        """Remove the tables."""
        self._connection().execute("DROP SCHEMA IF EXISTS online CASCADE")

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()


SQLITE_PRAGMAS = f"""
PRAGMA busy_timeout = {BUSY_TIMEOUT_MS};
PRAGMA page_size = 8192;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA secure_delete = ON;
"""
SQLITE_TABLES = """
CREATE TABLE IF NOT EXISTS served (
    person TEXT NOT NULL, view TEXT NOT NULL, event_us INTEGER NOT NULL, sequence INTEGER NOT NULL,
    payload BLOB NOT NULL, PRIMARY KEY (person, view));
CREATE TABLE IF NOT EXISTS pool (person TEXT PRIMARY KEY NOT NULL, built_us INTEGER NOT NULL, payload BLOB NOT NULL);
"""
SQLITE_READ = (
    "SELECT view, event_us, payload FROM served WHERE person = ? "
    "UNION ALL SELECT 'pool', built_us, payload FROM pool WHERE person = ?"
)
SQLITE_READ_VIEW = "SELECT person, view, event_us, sequence, payload FROM served WHERE person = ? AND view = ?"
SQLITE_WRITE = """
INSERT INTO served VALUES (?, ?, ?, ?, ?) ON CONFLICT (person, view) DO UPDATE
SET event_us = excluded.event_us, sequence = excluded.sequence, payload = excluded.payload
WHERE (excluded.event_us, excluded.sequence) > (served.event_us, served.sequence)
"""
SQLITE_WRITE_POOL = """
INSERT INTO pool VALUES (?, ?, ?) ON CONFLICT (person) DO UPDATE
SET built_us = excluded.built_us, payload = excluded.payload WHERE excluded.built_us >= pool.built_us
"""
POSTGRES_TABLES = """
SELECT pg_advisory_xact_lock(736176);
CREATE SCHEMA IF NOT EXISTS online;
CREATE TABLE IF NOT EXISTS online.served (
    person TEXT NOT NULL, view TEXT NOT NULL, event_us BIGINT NOT NULL, sequence BIGINT NOT NULL,
    payload BYTEA NOT NULL, PRIMARY KEY (person, view));
CREATE TABLE IF NOT EXISTS online.pool (
    person TEXT PRIMARY KEY NOT NULL, built_us BIGINT NOT NULL, payload BYTEA NOT NULL);
"""
POSTGRES_READ = (
    "SELECT view, event_us, payload FROM online.served WHERE person = %s "
    "UNION ALL SELECT 'pool', built_us, payload FROM online.pool WHERE person = %s"
)
POSTGRES_READ_VIEW = (
    "SELECT person, view, event_us, sequence, payload FROM online.served WHERE view = %s AND person = ANY(%s)"
)
POSTGRES_WRITE = """
INSERT INTO online.served VALUES (%s, %s, %s, %s, %s) ON CONFLICT (person, view) DO UPDATE
SET event_us = excluded.event_us, sequence = excluded.sequence, payload = excluded.payload
WHERE (excluded.event_us, excluded.sequence) > (online.served.event_us, online.served.sequence)
"""
POSTGRES_WRITE_POOL = """
INSERT INTO online.pool VALUES (%s, %s, %s) ON CONFLICT (person) DO UPDATE
SET built_us = excluded.built_us, payload = excluded.payload WHERE excluded.built_us >= online.pool.built_us
"""
