"""Checkpoints SQLite's write-ahead log: one process, one thread, outside of the commits.

SQLite before 3.51.3 can corrupt a log that two connections write and checkpoint in the same instant from several
processes, so a lock file lets only one process do it.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

from infra.background_loop import BackgroundLoop
from infra.storage.locks import RoleLock
from infra.storage.sqlite import Checkpoint, checkpoint

__all__ = ["Checkpointer"]

INTERVAL_S = 0.5
PASSIVE_BYTES = 4 << 20  # a smaller file is left alone while writes go on
RESTART_PAGES = 16_384  # with more pages in the log, writers wait for the rest of a checkpoint and begin at its start
LONG_BYTES = 128 << 20  # a file that became longer is cut, though growing it again costs more than writing over it
PATIENCE_MS = 20  # how long a truncating checkpoint waits for readers, and writers for it
NO_LOG = -1  # no time at which a file was changed
logger = logging.getLogger(__name__)


class Checkpointer:
    """Keeps the log of one file bounded: passive checkpoints while writes go on, a truncating one when they pause.

    `connect` opens a connection to the file at `path`. A step that fails gives the lock up, so that another process
    may take over, and is tried again.
    """

    def __init__(
        self, path: Path, connect: Callable[[], sqlite3.Connection], *, interval_s: float = INTERVAL_S
    ) -> None:
        # Held while writers have to wait: who takes it around its writes waits exactly as long, where SQLite's own
        # waiting sleeps in growing steps.
        self.gate = threading.Lock()
        self._connect = connect
        self._wal = path.with_name(f"{path.name}-wal")
        self._lock = RoleLock(path.with_name(f"{path.name}-checkpointer"), f"the checkpointer of {path.name}")
        self._seen_ns = 0
        self._clean_ns = 0
        self._full = False
        self._loop = BackgroundLoop(f"oo-checkpointer-{path.stem}", self.step, every_s=interval_s, failed=self._give_up)

    def start(self) -> None:
        """Begin to look after the log in a thread."""
        self._loop.start()

    @property
    def owns(self) -> bool:
        """Whether this process is the one that checkpoints; others wait until it ends."""
        return self._lock.held

    def step(self) -> str:
        """Look at the log once; return what was done.

        It is one of nothing, waited, passive, restarted, truncated, or blocked by a reader.
        """
        size, changed_ns = self._log()
        if changed_ns == NO_LOG:
            return "nothing"
        if not self._lock.try_take():
            return "waited"
        resting = changed_ns == self._seen_ns
        self._seen_ns = changed_ns
        if size == 0 or changed_ns == self._clean_ns:
            return "nothing"
        if resting or self._full:
            return self._truncate()
        return self._keep_pace(size) if size > PASSIVE_BYTES else "nothing"

    def close(self) -> None:
        """Stop, move what is left, and let another process take over."""
        self._loop.stop()
        try:
            if self._log()[0] and self._lock.try_take():
                self._truncate()
        except (sqlite3.Error, OSError) as error:
            logger.warning("%s: the log was left as it is (%s)", self._wal.name, type(error).__name__)
        self._lock.release()

    def ping(self) -> str:
        """Say who checkpoints; raises `Unavailable` while steps fail and the log grows."""
        worked = self._loop.ping()
        return f"{'this process' if self.owns else 'another process, or nothing to do'}; {worked}"

    def _keep_pace(self, size: int) -> str:
        """Move the log while writes go on; when it became long, let writers wait for a short rest of it.

        The file keeps its size: writing over it again is cheaper than growing it again.
        """
        if self._checkpoint("PASSIVE").log_pages <= RESTART_PAGES and size <= LONG_BYTES:
            return "passive"
        self._checkpoint("PASSIVE")  # what came meanwhile, so that little is left
        with self.gate:
            busy = self._checkpoint("TRUNCATE" if size > LONG_BYTES else "RESTART").busy
        return "blocked" if busy else "restarted"

    def _truncate(self) -> str:
        self._checkpoint("PASSIVE")  # most of the work, while writers go on
        with self.gate:
            busy = self._checkpoint("TRUNCATE").busy
        if busy:
            return "blocked"
        self._full = False
        self._clean_ns = self._log()[1]
        return "truncated"

    def _checkpoint(self, mode: Literal["PASSIVE", "RESTART", "TRUNCATE"]) -> Checkpoint:
        with closing(self._connect()) as connection:
            connection.execute(f"PRAGMA busy_timeout={PATIENCE_MS}")
            return checkpoint(connection, mode)

    def _log(self) -> tuple[int, int]:
        try:
            found = self._wal.stat()
        except FileNotFoundError:
            return 0, NO_LOG
        return found.st_size, found.st_mtime_ns

    def _give_up(self, _: BaseException) -> None:
        """Let another process take over, and cut the log as soon as that works again: its size may be in the way."""
        self._full = True
        self._lock.release()
