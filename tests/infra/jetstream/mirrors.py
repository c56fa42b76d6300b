"""What the mirror holds, and a relay for one database."""

import asyncio
import time
from collections.abc import Callable

from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.events import mirror_log
from infra.mirror.jetstream.connection import connected
from infra.mirror.jetstream.publisher import publisher
from infra.mirror.jetstream.scan import Held, held
from infra.mirror.relay import Relay

PATIENCE_S = 30.0


def relay_of(database: Database, url: str, clock: Clock) -> Relay:
    """Return a relay that hears the database's bus."""
    relay = Relay(database, clock, lambda: publisher(url))
    database.bus.subscribe(relay.handle)
    return relay


def content(url: str) -> list[Held]:
    """Return every message of the stream, in order."""

    async def read() -> list[Held]:
        async with connected(url, for_ever=False) as client:
            return [message async for message in held(client)]

    return asyncio.run(read())


def waiting(database: Database) -> int:
    """Return how many events have no mark."""
    with database.read() as session:
        return mirror_log.lag(session, 0).events


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
