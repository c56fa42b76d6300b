"""Moves SQLite's write-ahead log into the database file: one process, one thread, away from the commits.

SQLite before 3.51.3 can corrupt a log that two connections write and checkpoint in the same instant from several
processes, so a lock file lets only one process do it.
"""

import fcntl
import logging
import os
import threading
from pathlib import Path
from typing import Any

from data_contracts.errors import Unavailable
from infra.database.engine import Database

__all__ = ["Checkpointer"]

INTERVAL_S = 0.5
PASSIVE_BYTES = 4 << 20  # a smaller file is left alone while writes go on
RESTART_PAGES = 16_384  # with more pages in the log, writers wait for the rest of a checkpoint and begin at its start
PATIENCE_MS = 20  # how long a truncating checkpoint waits for readers, and writers for it
logger = logging.getLogger(__name__)


class Checkpointer:
    """Keeps the log bounded: passive checkpoints while writes go on, a truncating one when they pause."""

    def __init__(self, database: Database, *, interval_s: float = INTERVAL_S) -> None:
        if database.path is None:
            raise ValueError("PostgreSQL checkpoints by itself")
        # Held while writers have to wait: who takes it around its writes waits exactly as long, where SQLite's own
        # waiting sleeps in growing steps.
        self.gate = threading.Lock()
        self._database = database
        self._interval_s = interval_s
        self._wal = Path(f"{database.path}-wal")
        self._lock_path = Path(f"{database.path}-checkpointer")
        self._lock: int | None = None
        self._seen_ns = 0
        self._clean_ns = 0
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oo-checkpointer", daemon=True)

    def start(self) -> None:
        """Begin to look after the log in a thread."""
        self._thread.start()

    @property
    def owns(self) -> bool:
        """Whether this process is the one that checkpoints; others wait until it ends."""
        return self._lock is not None

    def step(self) -> str:
        """Look at the log once; return what was done.

        It is one of nothing, waited, passive, restarted, truncated, or blocked by a reader.
        """
        if not self._own():
            return "waited"
        size, changed_ns = self._log()
        resting = changed_ns == self._seen_ns
        self._seen_ns = changed_ns
        if size == 0 or changed_ns == self._clean_ns:
            return "nothing"
        if resting:
            return self._truncate()
        return self._keep_pace() if size > PASSIVE_BYTES else "nothing"

    def close(self) -> None:
        """Stop, move what is left, and let another process take over."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._own():
            self._truncate()
        self._release()

    def ping(self) -> str:
        """Say who checkpoints; raises `Unavailable` when the thread has died."""
        if self._failure is not None:
            raise Unavailable(f"the checkpointer has stopped: {type(self._failure).__name__}") from self._failure
        return "owner" if self.owns else "another process"

    def _run(self) -> None:
        try:
            while not self._stopping.wait(self._interval_s):
                self.step()
        except Exception as error:
            self._failure = error
            logger.critical("the checkpointer has stopped; the log will grow", exc_info=True)

    def _keep_pace(self) -> str:
        """Move the log while writes go on; when it became long, let writers wait for a short rest of it.

        The file keeps its size: writing over it again is cheaper than growing it again.
        """
        _, pages, _ = self._checkpoint("PASSIVE")
        if pages <= RESTART_PAGES:
            return "passive"
        self._checkpoint("PASSIVE")  # what came meanwhile, so that little is left
        with self.gate:
            busy = self._checkpoint("RESTART")[0]
        return "blocked" if busy else "restarted"

    def _truncate(self) -> str:
        self._checkpoint("PASSIVE")  # most of the work, while writers go on
        busy = self._checkpoint("TRUNCATE")[0]
        if busy:
            return "blocked"
        self._clean_ns = self._log()[1]
        return "truncated"

    def _checkpoint(self, mode: str) -> Any:
        connection = self._database.connect_raw()
        try:
            connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
            return connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        finally:
            connection.close()

    def _log(self) -> tuple[int, int]:
        try:
            found = self._wal.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    def _own(self) -> bool:
        if self._lock is not None:
            return True
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
