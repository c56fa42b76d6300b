"""What a flow is made of, opened once per process from the settings; nothing of it ever travels as a parameter."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from feature_repo.online_tables import OnlineTables, open_online
from flows.stream import Stream
from infra.bus import Bus
from infra.clock import Clock
from infra.database.engine import Database, open_database
from infra.settings import Settings
from infra.vault import Vault


@dataclass(frozen=True, slots=True)
class FlowParts:
    """The stores of one installation, and the stream that keeps features up to date behind every commit."""

    settings: Settings
    database: Database
    vault: Vault
    online: OnlineTables
    stream: Stream
    clock: Clock


@contextmanager
def opened(settings: Settings) -> Iterator[FlowParts]:
    """Give the parts and close them again."""
    clock = settings.make_clock()
    vault = Vault(settings.keys)
    bus = Bus()
    database = open_database(settings.database, bus=bus, tombstone=vault.tombstone)
    grown = settings.database_url if database.dialect == "postgresql" else None
    online = open_online(grown or settings.online_db)
    stream = Stream(database=database, online=online, clock=clock)
    unsubscribe = bus.subscribe(stream.handle)
    try:
        yield FlowParts(settings, database, vault, online, stream, clock)
    finally:
        unsubscribe()
        online.close()
        database.close()
