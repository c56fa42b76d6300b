"""Opens connections: URLs, SQLite pragmas, transaction begin, and driver errors as our own."""

import sqlite3
import time
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    ExceptionContext,
    PoolProxiedConnection,
    QueuePool,
    create_engine,
    event,
    make_url,
)
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from data_contracts.errors import Malformed, Unavailable
from infra.storage import sqlite

__all__ = ["MIGRATE", "PASSING", "READ", "WRITE", "database_url", "make_engine", "raw_connection"]

POOL_TIMEOUT_S = 10
CONNECT_S = 5
PRAGMAS = sqlite.pragmas("FULL")
BUSY_STEP_S = 0.001
BEGIN_TO_WRITE = "BEGIN IMMEDIATE"
WRITE = {"oo_begin": ("PRAGMA query_only=OFF", BEGIN_TO_WRITE)}
# a second process waits for the first to migrate, however slow the machine is
MIGRATE = {"oo_begin": ("PRAGMA query_only=OFF", "PRAGMA busy_timeout=120000", BEGIN_TO_WRITE)}
READ = {
    "oo_begin": ("PRAGMA query_only=ON", "BEGIN"),
    "isolation_level": "REPEATABLE READ",
    "postgresql_readonly": True,
}
# what waiting, freeing space or restarting the server mends; a missing table or a wrong statement is not among them
PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
}


def database_url(where: str | Path) -> URL:
    """Return the URL of a file or of `sqlite:///path` or `postgresql://...`; raises `Malformed` for anything else."""
    if isinstance(where, Path):
        return URL.create("sqlite", database=str(where))
    url = make_url(where) if "://" in where else URL.create("sqlite", database=where)
    match url.get_backend_name():
        case "sqlite" if url.database and url.database != ":memory:":
            return url.set(drivername="sqlite")
        case "postgresql":
            return url.set(drivername="postgresql+psycopg")
        case _:
            raise Malformed(f"the database must be a SQLite file or a PostgreSQL URL, not {url.render_as_string()}")


class BoundedPool(QueuePool):
    """A pool that says so when all of its connections are in use for too long."""

    def connect(self) -> PoolProxiedConnection:
        """Return a connection; raises `Unavailable` when none gets free in time."""
        try:
            return super().connect()
        except PoolTimeout as error:
            raise Unavailable("all connections of the database are in use") from error


def make_engine(url: URL, answer_s: float | None = None) -> Engine:
    """Return an engine whose connections follow the discipline of ARCHITECTURE.md; nothing is opened yet.

    PostgreSQL has `answer_s` for each statement.
    """
    on_file = url.get_backend_name() == "sqlite"
    arguments: dict[str, Any] = {"isolation_level": None} if on_file else {"connect_timeout": CONNECT_S}
    engine = create_engine(
        url,
        poolclass=BoundedPool,
        hide_parameters=True,  # values are personal, and errors reach the log
        connect_args=arguments,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=not on_file,
        max_overflow=20,
    )
    event.listen(engine, "handle_error", _own_error)
    if not on_file:
        event.listen(engine, "do_connect", partial(_open_bounded, answer_s))
    else:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def raw_connection(url: URL, *, answer_s: float | None = None, connect_timeout: int = CONNECT_S) -> Any:
    """Return a DBAPI connection in autocommit mode with the same discipline, usable from any one thread at a time."""
    if url.get_backend_name() == "sqlite":
        return sqlite.open_file(str(url.database), PRAGMAS)
    import psycopg  # noqa: PLC0415 - not paid by the embedded stage

    from infra.database.engine.bounded_connection import BoundedConnection  # noqa: PLC0415 - as above

    conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
    options = {"autocommit": True, "prepare_threshold": 0}
    try:
        return BoundedConnection.opened(conninfo, answer_s=answer_s, connect_timeout=connect_timeout, **options)
    except psycopg.OperationalError as error:
        raise Unavailable("the database does not answer") from error


def _open_bounded(
    answer_s: float | None, _dialect: Any, _record: Any, cargs: list[Any], cparams: dict[str, Any]
) -> Any:
    from infra.database.engine.bounded_connection import BoundedConnection  # noqa: PLC0415 - not paid by the embedded stage

    return BoundedConnection.opened(*cargs, answer_s=answer_s, **cparams)


def _prepare(connection: Any, _record: Any) -> None:
    sqlite.prepare(connection, PRAGMAS)


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options().get("oo_begin", WRITE["oo_begin"])
    if options == WRITE["oo_begin"]:
        _begin_to_write(connection)
        return
    for statement in options:
        connection.exec_driver_sql(statement)


def _begin_to_write(connection: Connection) -> None:
    """Begin as soon as no other writer is active.

    SQLite's own waiting sleeps in steps that grow to 100 ms: beside a process that writes one transaction after the
    other it finds the file free about once a second.
    """
    raw: Any = connection.connection.driver_connection
    raw.execute("PRAGMA query_only=OFF")
    raw.execute("PRAGMA busy_timeout=0")
    deadline = time.monotonic() + sqlite.BUSY_TIMEOUT_MS / 1000
    try:
        while time.monotonic() < deadline:
            try:
                raw.execute(BEGIN_TO_WRITE)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
                time.sleep(BUSY_STEP_S)
            else:
                return
        connection.exec_driver_sql(BEGIN_TO_WRITE)  # a refusal becomes an error of ours
    finally:
        raw.execute(f"PRAGMA busy_timeout={sqlite.BUSY_TIMEOUT_MS}")


def _own_error(context: ExceptionContext) -> None:
    """Raise `Unavailable` for what passes; any other error stays what it is."""
    if not isinstance(context.sqlalchemy_exception, (OperationalError, InterfaceError)):
        return
    code = getattr(context.original_exception, "sqlite_errorcode", None)
    if code is None or code & 0xFF in PASSING:
        # the driver's message may name values, so only its class is passed on
        name = type(context.original_exception).__name__
        raise Unavailable(f"the database is busy, full or down ({name})") from context.original_exception
