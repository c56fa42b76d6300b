"""The feed: keeps the ring of newest events filled while somebody watches, whichever process commits them.

A commit of this process wakes it through the bus, those of other processes it finds by looking at the end of the event
table. Both come from there, so whoever watches sees what is committed and nothing else, under the table's own numbers.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from data_contracts.codec import Event
from data_contracts.errors import OOError, Unavailable
from infra.database import event_tail, people
from infra.database.engine import Database
from infra.event_ring import EventRing

__all__ = ["EventFeed"]

CAPACITY = 4_096
POLL_S = 0.25  # for what other processes commit; what this one commits is read at once
PAUSE_S = 0.02  # between two reads, so that a busy door is not read for each of its commits
LINGER_S = 30.0  # after the last watcher, so that one who comes back goes on exactly where it was
OVERLAP = 1_024  # PostgreSQL commits out of order: so many events are read again
MAX_WATCHERS = 16
News = Callable[[], None]
logger = logging.getLogger(__name__)


class EventFeed:
    """One ring for all watchers of a process. Nothing runs and nothing is held while nobody watches."""

    def __init__(self, database: Database, *, capacity: int = CAPACITY, linger_s: float = LINGER_S) -> None:
        self.ring = EventRing(capacity)
        self.closed = False
        self._database = database
        self._capacity = capacity
        self._linger_s = linger_s
        self._overlap = 0 if database.dialect == "sqlite" else min(OVERLAP, capacity // 4)
        self._watchers: set[News] = set()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # of the watchers and the thread
        self._reading = threading.Lock()
        self._wake = threading.Event()

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def handle(self, _: Sequence[Event]) -> None:
        """Hear of a fresh commit: the subscriber of the bus."""
        self._wake.set()

    def attach(self, news: News) -> EventRing:
        """Begin to watch: return the ring, up to date; `news` is called from another thread when there is more.

        Raises `Unavailable` when there are too many watchers, when the process ends and when the database is away.
        """
        with self._lock:
            if self.closed:
                raise Unavailable("this process is ending")
            if len(self._watchers) >= MAX_WATCHERS:
                raise Unavailable(f"at most {MAX_WATCHERS} may watch at a time")
            self._watchers.add(news)
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="oo-event-feed", daemon=True)
                self._thread.start()
        try:
            self._forget_who_left()
            self._read()
        except BaseException:
            self.detach(news)
            raise
        return self.ring

    def detach(self, news: News) -> None:
        """End to watch."""
        with self._lock:
            self._watchers.discard(news)

    def close(self) -> None:
        """Tell every watcher that this is the end; nobody can begin to watch any more."""
        with self._lock:
            self.closed = True
            watchers, thread = tuple(self._watchers), self._thread
        self._wake.set()
        for news in watchers:
            news()
        if thread is not None:
            thread.join(timeout=5)

    def _live(self) -> None:
        unsubscribe = self._database.bus.subscribe(self.handle)
        watched = time.monotonic()
        try:
            while True:
                self._wake.wait(POLL_S)
                self._wake.clear()
                now = time.monotonic()
                with self._lock:
                    watched = now if self._watchers else watched
                    if self.closed or now - watched > self._linger_s:
                        self._thread = None
                        self.ring.clear()
                        return
                self._read_again()
                time.sleep(PAUSE_S)
        finally:
            unsubscribe()

    def _read_again(self) -> None:
        try:
            self._read()
        except OOError as error:
            logger.warning("the feed of events waits: %s", error)
        except Exception:  # the edge of a thread: watchers hear of the next event whatever happened
            logger.exception("the feed of events failed")

    def _read(self) -> None:
        with self._reading:
            with self._database.read() as session:
                rows = event_tail.newest(session, after=self.ring.floor(self._overlap), limit=self._capacity + 1)
            # more than the ring can hold came at once, and nobody can have seen the first of it
            added = self.ring.add(rows[-self._capacity :], complete=len(rows) <= self._capacity)
        if added:
            for news in tuple(self._watchers):
                news()

    def _forget_who_left(self) -> None:
        remembered = self.ring.people()
        with self._database.read() as session:
            gone = remembered - people.present(session, remembered)
        for person in gone:
            self.ring.forget(person)
