"""The relay against a loop that awaits each acknowledgement, both with a live consumer in a process of its own.

Ours reads rows without a mark from the event table, publishes them, and marks them with the place that the stream gave
them. The peer has its rows in memory already and only publishes. The messages are events of about 200 bytes.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.event_home import lives, push, pushes, settle
from benchmarks.plain_ingest import publish_awaited
from benchmarks.result import Result
from infra.clock import system_clock
from infra.database.engine.database import Database, open_database
from infra.database.events import mirror_log
from infra.mirror.jetstream.bundled_server import BundledServer
from infra.mirror.jetstream.mirror_comparison import compare
from infra.mirror.jetstream.publisher import publisher
from infra.mirror.relay import Relay
from infra.network_addresses import free_port

PEOPLE, EVENTS, PEER_EVENTS = 50, 800, 8_000
TARGET = 4


@contextmanager
def live_consumer(url: str) -> Iterator[None]:
    """Run a reader of the mirror beside what is measured."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.mirror_reader", url], stdout=subprocess.PIPE)
    try:
        if process.stdout is None or process.stdout.readline().strip() != b"ready":
            raise RuntimeError("the consumer did not start")
        yield
    finally:
        process.kill()
        process.wait()


def filled(path: Path) -> Database:
    """Return a database with the events of some lives."""
    database = open_database(path)
    database.migrate()
    residents = lives(PEOPLE, EVENTS)
    settle(database, residents)
    for some in pushes(residents):
        push(database, some)
    database.checkpoint()
    return database


def _ours(database: Database, url: str) -> float:
    with database.read() as session:
        count = mirror_log.lag(session, 0).events
    began = time.perf_counter()
    relay = Relay(database, system_clock, lambda: publisher(url))
    with relay:
        while relay.state.published < count:
            time.sleep(0.002)
    return count / (time.perf_counter() - began)


def _peer(database: Database, url: str) -> float:
    with database.read() as session:
        rows = mirror_log.waiting(session, PEER_EVENTS)
    began = time.perf_counter()
    asyncio.run(publish_awaited(url, rows))
    return len(rows) / (time.perf_counter() - began)


def run() -> Result:
    """Measure events per second; equal when table and mirror hold the same ids and bytes, each once."""
    with tempfile.TemporaryDirectory() as folder:
        database = filled(Path(folder) / "app.db")
        with BundledServer(Path(folder) / "nats", Path(folder) / "keys", port=free_port()) as server:
            with live_consumer(server.url):
                peer = _peer(database, server.url)
                ours = _ours(database, server.url)
            found = asyncio.run(compare(database, server.url, 0))
        database.close()
    equal = found.sound and found.waiting == found.doubled == 0
    return Result(
        name="relay",
        ours=ours,
        peer=peer,
        unit="events/s",
        ratio=ours / peer,
        target=TARGET,
        equal=equal,
        notes={"events": found.events, "peer_events": PEER_EVENTS},
    )
