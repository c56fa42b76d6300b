"""Durable ingest end to end: committed with fsync, acknowledged by JetStream, and folded, on two cores.

Ours is three processes, as in production: this one takes pushes of 200 events in and relays them, `oo serve stream`
follows the mirror and folds, and the bundled nats-server lies between them. Time ends when every event is marked with
its place in the mirror and the last fold head has reached its person's last event. The peer writes the same events one
by one with an ORM session and an awaited publish, and folds nothing.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from benchmarks.event_home import lives, push, pushes, settle
from benchmarks.plain_ingest import ingest
from benchmarks.result import Result
from data_contracts.events.codec import Event, decode
from data_contracts.identifiers import PersonId
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import StateRow
from flows.context import opened
from infra.clock import system_clock
from infra.database.engine.database import Database, open_database
from infra.database.events import events, mirror_log, working_state
from infra.database.maintenance.checkpointer import Checkpointer
from infra.mirror.jetstream.bundled_server import BundledServer
from infra.mirror.jetstream.mirror_comparison import compare
from infra.mirror.jetstream.publisher import publisher
from infra.mirror.relay import Relay
from infra.network_addresses import free_port
from infra.settings import Settings

PEOPLE, EVENTS = 40, 1_000
PEER_PEOPLE, PEER_EVENTS = 10, 600
TARGET = 8
PER_SECOND = 10_000
PATIENCE_S = 60.0


@contextmanager
def stream_process(home: Path, url: str | None) -> Iterator[None]:
    """Run `oo serve stream` in a home, over a mirror where there is one, until the end of the block."""
    port = free_port()
    command = [sys.executable, "-m", "oo", "serve", "stream", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "OO_HOME": str(home), "NATS_URL": url or ""})
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not _answers(port):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError("oo serve stream did not start")
            time.sleep(0.1)
        time.sleep(1.0)  # its consumer is declared after its probe answers
        yield
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=2):
            return True
    except (URLError, OSError):
        return False


def _finished(database: Database) -> bool:
    with database.read() as session:
        return not mirror_log.waiting(session, 1) and not events.behind(session)


def _ours(database: Database, url: str, residents: Sequence[Sequence[Event]]) -> tuple[float, float]:
    """Return events per second, to the last durable commit and to the end of everything."""
    count = sum(map(len, residents))
    relay = Relay(database, system_clock, lambda: publisher(url))
    unsubscribe = database.bus.subscribe(relay.handle)
    assert database.path is not None
    checkpointer = Checkpointer(database.path, database.connect_raw)
    checkpointer.start()
    with relay:
        began = time.perf_counter()
        for some in pushes(residents):
            push(database, some)
        committed_s = time.perf_counter() - began
        while not _finished(database):
            if time.perf_counter() - began > PATIENCE_S:
                raise RuntimeError("it did not drain")
            time.sleep(0.01)
        done_s = time.perf_counter() - began
    unsubscribe()
    checkpointer.close()
    return count / committed_s, count / done_s


def _measure_ours(folder: Path, residents: Sequence[Sequence[Event]]) -> tuple[float, float, bool]:
    settings = Settings(home=folder / "home")
    with opened(settings):  # the keys and the schema of a new home
        pass
    database = open_database(settings.database)
    settle(database, residents)
    with BundledServer(settings.nats, settings.keys, port=free_port()) as server:
        with stream_process(settings.home, server.url):
            committed, done = _ours(database, server.url, residents)
        found = asyncio.run(compare(database, server.url, 0))
    folded = all(_folded(database, PersonId(one[0].person)) for one in residents)
    same = _ids(database) >= {(each.person, each.id) for one in residents for each in one}
    database.close()
    return committed, done, found.sound and found.waiting == found.doubled == 0 and folded and same


def _folded(database: Database, person: PersonId) -> bool:
    with database.read() as session:
        stored = [StateRow.of(row) for row in working_state.load(session, person)]
        log = [each.event for each in events.after(session, person, 0, 10**6)]
    return sorted(stored) == sorted(fold(log).rows())


def _ids(database: Database) -> set[tuple[str, str]]:
    with database.read() as session:
        return {(row.person, row.id) for row in mirror_log.mirrored(session, 0) if decode(row.payload).id == row.id}


def _measure_peer(folder: Path, residents: Sequence[Sequence[Event]]) -> tuple[float, bool]:
    path = folder / "plain.db"
    database = open_database(path)
    database.migrate()
    settle(database, residents)
    events_of_all = [each for some in pushes(residents) for each in some]
    with BundledServer(folder / "nats", folder / "keys", port=free_port()) as server:
        began = time.perf_counter()
        ingest(path, server.url, events_of_all)
        rate = len(events_of_all) / (time.perf_counter() - began)
    same = _ids(database) >= {(each.person, each.id) for each in events_of_all}
    database.close()
    return rate, same


def run() -> Result:
    """Measure events per second; equal when tables, mirror and working state hold what was sent, each once."""
    with tempfile.TemporaryDirectory() as folder:
        peer, peer_whole = _measure_peer(Path(folder), lives(PEER_PEOPLE, PEER_EVENTS))
    with tempfile.TemporaryDirectory() as folder:
        committed, ours, whole = _measure_ours(Path(folder), lives(PEOPLE, EVENTS))
    return Result(
        name="durable_ingest",
        ours=ours,
        peer=peer,
        unit="events/s",
        ratio=ours / peer,
        target=TARGET,
        equal=whole and peer_whole,
        notes={
            "target_events_per_s": PER_SECOND,
            "committed_per_s": committed,
            "events": {"ours": PEOPLE * EVENTS, "peer": PEER_PEOPLE * PEER_EVENTS},
            "load_average_before": os.getloadavg()[0],
        },
    )
