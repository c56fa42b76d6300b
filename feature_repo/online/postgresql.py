"""The online tables in the schema `online` of a PostgreSQL database."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg

from data_contracts.errors import Unavailable
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
    "UNION ALL SELECT 'pool', built_us, NULL FROM online.pool WHERE person = %s"
)
POSTGRES_READ_POOL = "SELECT built_us, payload FROM online.pool WHERE person = %s"
POSTGRES_READ_VIEW = (
    "SELECT person, view, event_us, sequence, payload FROM online.served WHERE view = %s AND person = ANY(%s)"
)
POSTGRES_HEADS = f"SELECT person, view, substring(payload FROM 1 FOR {HEAD_BYTES}) FROM online.served"  # noqa: S608 - our own number
POSTGRES_WRITE = """
INSERT INTO online.served VALUES (%s, %s, %s, %s, %s) ON CONFLICT (person, view) DO UPDATE
SET event_us = excluded.event_us, sequence = excluded.sequence, payload = excluded.payload
WHERE (excluded.event_us, excluded.sequence) > (online.served.event_us, online.served.sequence)
"""
POSTGRES_WRITE_POOL = """
INSERT INTO online.pool VALUES (%s, %s, %s) ON CONFLICT (person) DO UPDATE
SET built_us = excluded.built_us, payload = excluded.payload WHERE excluded.built_us >= online.pool.built_us
"""


class OnlinePostgres:
    """The same tables in the schema `online` of a PostgreSQL database."""

    def __init__(self, address: str, connect: Callable[[], Any] | None = None) -> None:
        plain = address.replace("postgresql+psycopg://", "postgresql://")
        self._connect = connect or (lambda: psycopg.connect(plain, autocommit=True))
        self.packets = Packets()
        self._local = threading.local()
        self._opened: list[psycopg.Connection[tuple[Any, ...]]] = []
        self._connection().execute(POSTGRES_TABLES, prepare=False)  # several statements in one

    def _connection(self) -> psycopg.Connection[tuple[Any, ...]]:
        connection: psycopg.Connection[tuple[Any, ...]] | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self._local.connection = self._connect()
            self._opened[:] = [*(known for known in self._opened if not known.closed), connection]
        return connection

    def _execute(self, statement: str, values: Sequence[Any] = ()) -> psycopg.Cursor[tuple[Any, ...]]:
        try:
            return self._connection().execute(statement, values or None)
        except psycopg.OperationalError as error:
            raise Unavailable(f"the online tables do not answer ({type(error).__name__})") from error

    def read(self, person: str) -> OnlinePacket:
        """Return the served row of a person, and when their pool was built, in one statement."""
        return self.packets.packet(PersonId(person), self._execute(POSTGRES_READ, (person, person)).fetchall())

    def read_pool(self, person: str) -> StoredPool | None:
        """Return the pool of a person."""
        row = self._execute(POSTGRES_READ_POOL, (person,)).fetchone()
        return None if row is None else StoredPool(*row)

    def read_views(self, persons: Sequence[str], view: str) -> dict[str, ViewRow]:
        """Return one view of many persons in one statement."""
        rows = self._execute(POSTGRES_READ_VIEW, (view, list(persons)))
        return {row[0]: ViewRow(*row) for row in rows}

    def newest_words(self) -> Iterator[tuple[str, Source, int]]:
        """Yield (person, source, time of its newest word) of every stored view."""
        return words(self._execute(POSTGRES_HEADS))

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
        self.packets.forget(PersonId(person))

    def expire(self, *, served_before_us: int, pool_before_us: int) -> tuple[int, int]:
        """Remove views and pools made before then; return how many of each."""
        execute = self._execute
        served = execute("DELETE FROM online.served WHERE event_us < %s", (served_before_us,)).rowcount
        return served, execute("DELETE FROM online.pool WHERE built_us < %s", (pool_before_us,)).rowcount

    def _transact(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        try:
            connection = self._connection()
            for first in range(0, len(rows), CHUNK):
                with connection.transaction(), connection.cursor() as cursor:
                    cursor.executemany(statement, rows[first : first + CHUNK])
        except psycopg.OperationalError as error:
            raise Unavailable(f"the online tables do not answer ({type(error).__name__})") from error

    def checkpoint(self) -> None:
        """Do nothing: the server checkpoints."""

    def drop(self) -> None:
        """Remove the tables."""
        self._execute("DROP SCHEMA IF EXISTS online CASCADE")

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()
