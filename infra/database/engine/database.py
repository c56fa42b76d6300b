"""Opens the application database; the only place that makes engines, sessions and units of work."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import URL
from sqlalchemy.orm import Session

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PersonId
from infra.bus import Bus
from infra.database.engine.connections import MIGRATE, READ, WRITE, database_url, make_engine, raw_connection
from infra.database.engine.liveness import Liveness
from infra.database.engine.unit_of_work import UnitOfWork
from infra.keys.audit_key import AuditKey
from infra.storage import sqlite
from infra.storage.files import make_private_folder, touch_private
from infra.storage.sqlite import Checkpoint

__all__ = ["Database", "Session", "open_database"]

REMEDY = "stop oO and bring a backup back with `oo restore`"


class Database:
    """The application database of a process.

    `tombstone` gives the keyed hash of a person (`Vault.tombstone`); with it, a refused person who was erased is told
    from one who never was. `audit_key` chains the audit log; without it, no entry can be added.
    PostgreSQL has `answer_s` for each statement, if given; a migration has all the time.
    """

    def __init__(
        self,
        url: URL,
        bus: Bus,
        tombstone: Callable[[PersonId], str] | None = None,
        audit_key: AuditKey | None = None,
        answer_s: float | None = None,
    ) -> None:
        self.url = url
        self.bus = bus
        self.tombstone = tombstone
        self.audit_key = audit_key
        self._answer_s = answer_s
        self._engine = make_engine(url, answer_s)
        self._writes = self._engine.execution_options(**WRITE)
        self._reads = self._engine.execution_options(**READ) if self.dialect == "postgresql" else self._sqlite_reads()
        self.liveness = Liveness(self._engine, self._writes)

    def _sqlite_reads(self) -> Any:
        return self._engine.execution_options(oo_begin=READ["oo_begin"])

    @property
    def dialect(self) -> Literal["sqlite", "postgresql"]:
        """Which of the two databases this is."""
        return cast("Literal['sqlite', 'postgresql']", self.url.get_backend_name())

    @property
    def path(self) -> Path | None:
        """The file of a SQLite database."""
        return Path(str(self.url.database)) if self.dialect == "sqlite" else None

    def unit_of_work(self) -> UnitOfWork:
        """Return one write transaction; what is not committed is rolled back.

        Raises `Unavailable` at once while PostgreSQL does not answer, as `read` does.
        """
        self.liveness.require_answer()
        return UnitOfWork(_session(self._writes), self.bus, self.tombstone, self.audit_key)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session of one consistent, read-only snapshot."""
        self.liveness.require_answer()
        session = _session(self._reads)
        try:
            yield session
        finally:
            session.close()

    def migrate(self) -> bool:
        """Bring the schema up to date; return whether there was anything to do."""
        from infra.database.engine.migrations import is_current, load_alembic, upgrade  # noqa: PLC0415 - imported only to migrate

        if self.path is not None:
            make_private_folder(self.path.parent)
            touch_private(self.path)  # SQLite gives its companions the same mode
        with self._reads.connect() as connection:
            if is_current(connection):
                return False
        load_alembic()  # before the lock, so that no process waits for an import
        with self._engine.execution_options(**MIGRATE).begin() as connection:
            if self.dialect == "postgresql":
                driver: Any = connection.connection.driver_connection
                driver.answer_s = None
            upgrade(connection)
        self._engine.dispose()  # the patience of this connection was for the migration only
        return True

    def checkpoint(self, mode: Literal["PASSIVE", "TRUNCATE"] = "TRUNCATE") -> Checkpoint:
        """Move SQLite's write-ahead log into the database file; PostgreSQL does that by itself."""
        if self.dialect != "sqlite":
            return Checkpoint(busy=False, log_pages=0, moved_pages=0)
        connection = self.connect_raw()
        try:
            return sqlite.checkpoint(connection, mode)
        finally:
            connection.close()

    def connect_raw(self) -> Any:
        """Return an autocommit DBAPI connection, for the decision writer, the hot read and maintenance only."""
        return raw_connection(self.url, answer_s=self._answer_s)

    def ping(self) -> str:
        """Say which database answers and takes writes; raises `Unavailable` when none does."""
        self.liveness.ping()
        return self.dialect

    def check(self, *, thorough: bool = False) -> None:
        """Read the structure of a SQLite file through; raises `DamagedStore` when it is not whole.

        A `thorough` check also compares the indexes with their tables, which takes several times as long.
        """
        if self.path is None:
            return  # PostgreSQL checks its pages as it reads them
        try:
            with sqlite.refusing_damage(self.path, REMEDY), closing(self.connect_raw()) as connection:
                sqlite.check(connection, self.path, REMEDY, thorough=thorough)
        except sqlite3.OperationalError as error:
            raise Unavailable(f"the database cannot be checked ({error})") from error

    def close(self) -> None:
        """Close every pooled connection."""
        self.liveness.close()
        self._engine.dispose()


def open_database(
    where: str | Path,
    *,
    bus: Bus | None = None,
    tombstone: Callable[[PersonId], str] | None = None,
    audit_key: AuditKey | None = None,
    answer_s: float | None = None,
) -> Database:
    """Return the database of a SQLite path or a URL; nothing is created before `migrate`."""
    return Database(database_url(where), bus or Bus(), tombstone, audit_key, answer_s)


def _session(bind: Any) -> Session:
    return Session(bind, autoflush=True, expire_on_commit=False, execution_options={"populate_existing": True})
