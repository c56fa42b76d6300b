"""Latency from a signal to the row that the next decision reads, at 500 events a second, with and without JetStream.

Two processes, as in production: this one takes pushes in as the API does (committed with fsync, on a schedule that
waits for nobody, so a slow push cannot hide those queued behind it) and relays them; `oo serve stream` folds, woken by
the mirror, or looking at the event table where there is none. A thread looks at the served rows as the scorer reads
them; the time of a push ends when its last event is there. It is compared with the promise, not with a peer.
"""

import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from benchmarks.durable_ingest import stream_process
from benchmarks.event_home import lives, push, settle
from benchmarks.result import Result
from data_contracts.events.codec import Event
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, to_us
from feature_repo.online import OnlineFile
from feature_repo.state.batch_fold import fold
from feature_repo.state.served_row import served_view
from flows.context import opened
from infra.clock import system_clock
from infra.database.engine.database import Database, open_database
from infra.database.events import events
from infra.database.maintenance.checkpointer import Checkpointer
from infra.mirror.jetstream.bundled_server import BundledServer
from infra.mirror.jetstream.publisher import publisher
from infra.mirror.relay import Relay
from infra.network_addresses import free_port
from infra.settings import Settings

PEOPLE = 50
PUSH = 5  # events
PUSHES_PER_S = 100.0
SECONDS = 15
PROMISE_S = 1.0
MAX_LATE_S = 0.1  # pushes that began later than this measured a machine that was busy with something else
PATIENCE_S = 30.0


class Pushed(NamedTuple):
    """One push that is not yet seen: whose it is, the time of its newest event, and when it was due."""

    person: PersonId
    at_us: int
    due_s: float


class Freshness(NamedTuple):
    """Seconds from due to seen of every push, how late pushes began, and whether the served rows are the fold's."""

    seen_s: np.ndarray
    late_s: np.ndarray
    equal: bool

    def at(self, percentile: float) -> float:
        """Return seconds at a percentile."""
        return float(np.percentile(self.seen_s, percentile))


class Observer:
    """Reads the served rows of those whose push is under way, in a thread, as fast as it can."""

    def __init__(self, online: OnlineFile) -> None:
        self.waiting: deque[Pushed] = deque()
        self.seen_s: list[float] = []
        self._online = online
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopping.is_set():
            for _ in range(len(self.waiting)):
                one = self.waiting.popleft()
                if self._online.read(one.person).row.mood.last_us >= one.at_us:
                    self.seen_s.append(time.perf_counter() - one.due_s)
                else:
                    self.waiting.append(one)
            time.sleep(0.001)


def _moods(person: PersonId, number: int) -> list[Event]:
    now_us = to_us(system_clock())
    made = []
    for place in range(PUSH):
        at_us = now_us - PUSH + 1 + place
        event = Event(id=f"{number}-{place}", person=person, at_us=at_us, received_us=now_us, source="benchmark")
        event.mood_reported.mood = 1 + (number + place) % 5
        made.append(event)
    return made


def _send(database: Database, residents: list[PersonId], observer: Observer) -> list[float]:
    late = []
    began = time.perf_counter()
    for number in range(int(PUSHES_PER_S * SECONDS)):
        due_s = began + number / PUSHES_PER_S
        time.sleep(max(due_s - time.perf_counter(), 0))
        late.append(time.perf_counter() - due_s)
        person = residents[number % len(residents)]
        some = _moods(person, number)
        push(database, some)
        observer.waiting.append(Pushed(person, some[-1].at_us, due_s))
    deadline = time.perf_counter() + PATIENCE_S
    while len(observer.seen_s) < len(late) and time.perf_counter() < deadline:
        time.sleep(0.01)
    return late


def _equal(database: Database, online: OnlineFile, residents: list[PersonId]) -> bool:
    """Whether everybody's served mood is that of the fold of their log."""
    with database.read() as session:
        logs = {person: [each.event for each in events.after(session, person, 0, 10**6)] for person in residents}
    return all(online.read(person).row.mood == served_view(fold(log), Source.MOOD, 0) for person, log in logs.items())


@contextmanager
def _relaying(database: Database, url: str | None) -> Iterator[None]:
    if url is None:
        yield
        return
    relay = Relay(database, system_clock, lambda: publisher(url))
    unsubscribe = database.bus.subscribe(relay.handle)
    with relay:
        yield
    unsubscribe()


def _measure(home: Path, url: str | None) -> Freshness:
    settings = Settings(home=home)
    with opened(settings):  # the keys and the schema of a new home
        pass
    database = open_database(settings.database)
    settled = lives(PEOPLE, 1)
    settle(database, settled)
    residents = [PersonId(one[0].person) for one in settled]
    assert database.path is not None
    checkpointer = Checkpointer(database.path, database.connect_raw)
    checkpointer.start()
    online = OnlineFile(settings.online_db)
    with stream_process(home, url), _relaying(database, url), Observer(online) as observer:
        late = _send(database, residents, observer)
    count = int(PUSHES_PER_S * SECONDS)
    whole = len(observer.seen_s) == count and _equal(database, online, residents)
    checkpointer.close()
    online.close()
    database.close()
    return Freshness(np.array(observer.seen_s), np.array(late), whole)


def run() -> Result:
    """Measure both ways on this machine, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        tailing = _measure(root / "tailing", None)
        settings = Settings(home=root / "mirrored")
        with BundledServer(settings.nats, settings.keys, port=free_port()) as server:
            mirrored = _measure(settings.home, server.url)
    late = [float(np.percentile(one.late_s, 99)) for one in (tailing, mirrored)]
    worst = max(tailing.at(99), mirrored.at(99))
    return Result(
        name="freshness",
        ours=worst,
        peer=PROMISE_S,
        unit="seconds from a signal to the row of the next decision, p99, the slower of two ways",
        ratio=PROMISE_S / worst,
        target=1,
        equal=tailing.equal and mirrored.equal,
        notes={
            "events_per_s": PUSH * PUSHES_PER_S,
            "people": PEOPLE,
            "without_nats_s": {"p50": tailing.at(50), "p99": tailing.at(99), "max": tailing.at(100)},
            "with_nats_s": {"p50": mirrored.at(50), "p99": mirrored.at(99), "max": mirrored.at(100)},
            "begun_late_p99_s": late,
            "valid": max(late) < MAX_LATE_S,
            "peer": "the promise of one second; no other program is compared",
            "load_average_before_and_after": os.getloadavg()[:2],
        },
    )
