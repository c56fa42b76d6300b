"""The event feed: keeps the ring of newest events filled while there are watchers, whichever process commits.

A commit of this process wakes it through the bus, those of other processes it finds by looking at the end of the event
table. Both come from there, so watchers see what is committed and nothing else, under the table's own numbers.
"""

import threading
import time
from collections.abc import Callable, Sequence

from data_contracts.errors import Unavailable
from data_contracts.events.codec import Event
from infra.background_loop import END, BackgroundLoop
from infra.database.engine.database import Database
from infra.database.events import newest
from infra.database.events.ring import EventRing
from infra.database.people import people

__all__ = ["EventFeed"]

CAPACITY = 4_096
POLL_S = 0.25  # for what other processes commit; what this one commits is read at once
PAUSE_S = 0.02  # between two reads, so that a busy API does not cause a read per commit
LINGER_S = 30.0  # after the last watcher, so that one who comes back goes on exactly where it was
OVERLAP = 1_024  # PostgreSQL commits out of order: so many events are read again
STOP_S = 5.0
MAX_WATCHERS = 16
News = Callable[[], None]


class EventFeed:
    """One ring for all watchers of a process. Without watchers nothing runs and nothing is held."""

    def __init__(self, database: Database, *, capacity: int = CAPACITY, linger_s: float = LINGER_S) -> None:
        self.ring = EventRing(capacity)
        self.closed = False
        self._database = database
        self._capacity = capacity
        self._linger_s = linger_s
        self._overlap = 0 if database.dialect == "sqlite" else min(OVERLAP, capacity // 4)
        self._watchers: set[News] = set()
        self._loop: BackgroundLoop | None = None
        self._watched = 0.0  # when somebody last watched
        self._unsubscribe: Callable[[], object] = lambda: None
        self._lock = threading.Lock()  # of the watchers and the loop
        self._reading = threading.Lock()

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def handle(self, _: Sequence[Event]) -> None:
        """Hear of a fresh commit: the subscriber of the bus."""
        loop = self._loop
        if loop is not None:
            loop.wake()

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
            if self._loop is None:
                self._start()
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
        """End all watchers; new ones are rejected."""
        with self._lock:
            self.closed = True
            watchers, loop = tuple(self._watchers), self._loop
        for news in watchers:
            news()
        if loop is not None:
            loop.stop(STOP_S)
            self._unsubscribe()

    def ping(self) -> str:
        """Report the number of watchers; raises `Unavailable` while there are any and the table cannot be read."""
        loop = self._loop
        return "nobody watches" if loop is None else f"{self.watchers} watch, {loop.ping()}"

    def _step(self) -> object:
        """Read what is new; end some time after the last watcher has left."""
        now = time.monotonic()
        with self._lock:
            self._watched = now if self._watchers else self._watched
            if self.closed or now - self._watched > self._linger_s:
                self._loop = None
                self._unsubscribe()
                self.ring.clear()
                return END
        self._read()
        time.sleep(PAUSE_S)
        return None

    def _start(self) -> None:
        self._watched = time.monotonic()
        self._unsubscribe = self._database.bus.subscribe(self.handle)
        self._loop = BackgroundLoop("oo-event-feed", self._step, every_s=POLL_S)
        self._loop.start()

    def _read(self) -> None:
        with self._reading:
            with self._database.read() as session:
                rows = newest.newest(session, after=self.ring.floor(self._overlap), limit=self._capacity + 1)
            # more than the ring can hold came at once, so no watcher can have seen the first of it
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
