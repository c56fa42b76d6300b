"""Liveness of a database: whether it answers and takes writes, probed in the background.

A write is tried every half minute, and at the next ping after any write was refused: so a full disk is seen soon, and
a home in which nothing happens is not written to all the time.
"""

import time
from typing import Any

from sqlalchemy import Engine, event, text

from data_contracts.errors import Unavailable
from infra.database.engine.connections import raw_connection

__all__ = ["Liveness"]

WRITE_EVERY_S = 30.0
PING_S = 2.0
SILENT_S = 10.0  # after this, somebody may try again though no ping has succeeded
EMIT = "SELECT pg_logical_emit_message(true, 'oo', '')"  # a durable record in the log of the server, and in no table


class Liveness:
    """Pings one database; on PostgreSQL over a connection of its own, so that a used-up pool is not in the way.

    While PostgreSQL does not answer, `require_answer` refuses at once what would wait for it.
    """

    def __init__(self, engine: Engine, writes: Engine) -> None:
        self._writes = writes
        self._url = engine.url
        self._connection: Any = None
        self._wrote_at = -WRITE_EVERY_S
        self._silent_until = 0.0
        event.listen(engine, "handle_error", lambda _: self.suspect())

    def suspect(self) -> None:
        """Note that something was refused: the next ping tries to write."""
        self._wrote_at = -WRITE_EVERY_S

    def silent(self) -> None:
        """Note that PostgreSQL did not answer."""
        self._silent_until = time.monotonic() + SILENT_S

    def require_answer(self) -> None:
        """Raise `Unavailable` while PostgreSQL does not answer."""
        if self._silent_until and time.monotonic() < self._silent_until:
            raise Unavailable("the database does not answer")

    def ping(self) -> None:
        """Read, and write when that is due; raises `Unavailable` when one of them fails."""
        writing = time.monotonic() - self._wrote_at >= WRITE_EVERY_S
        if self._url.get_backend_name() == "sqlite":
            self._ping_file(writing=writing)
        else:
            self._ping_server(EMIT if writing else "SELECT 1")
            self._silent_until = 0.0
        if writing:
            self._wrote_at = time.monotonic()

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ping_file(self, *, writing: bool) -> None:
        if not writing:
            with self._writes.execution_options(oo_begin=("PRAGMA query_only=ON", "BEGIN")).begin() as connection:
                connection.execute(text("SELECT 1 FROM sqlite_master LIMIT 1"))
            return
        with self._writes.begin() as connection:
            version = connection.execute(text("PRAGMA user_version")).scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version={version}")  # the first page goes through the log

    def _ping_server(self, statement: str) -> None:
        import psycopg  # noqa: PLC0415 - not paid by the embedded stage

        try:
            if self._connection is None or self._connection.closed:
                self._connection = raw_connection(self._url, answer_s=PING_S, connect_timeout=int(PING_S))
            self._connection.execute(statement)
        except Unavailable:
            self.silent()
            raise
        except psycopg.OperationalError as error:
            if self._connection.closed:
                self.silent()
            self._connection.close()
            raise Unavailable(f"the database does not answer, or cannot write ({type(error).__name__})") from error
