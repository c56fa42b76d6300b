"""What a flow is made of, opened once per process from the settings; nothing of it ever travels as a parameter."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from feature_repo.online_tables import OnlineTables, open_online
from flows.stream import Stream
from infra.bus import Bus
from infra.clock import Clock
from infra.database.engine import Database, open_database
from infra.settings import Settings
from infra.signing import PolicySeal
from infra.vault import Vault


class FlowParts(Protocol):
    """The stores of one installation, and the stream that keeps features up to date behind every commit."""

    @property
    def settings(self) -> Settings:
        """What the process was told from outside."""

    @property
    def database(self) -> Database:
        """The truth; its bus is heard by the stream."""

    @property
    def vault(self) -> Vault:
        """The keys."""

    @property
    def seal(self) -> PolicySeal:
        """The household's signature under policies."""

    @property
    def online(self) -> OnlineTables:
        """Served rows and candidate pools."""

    @property
    def stream(self) -> Stream:
        """The fold."""

    @property
    def clock(self) -> Clock:
        """Now."""


@dataclass(frozen=True, slots=True)
class OpenedParts:
    """The parts of a process that runs flows."""

    settings: Settings
    database: Database
    vault: Vault
    seal: PolicySeal
    online: OnlineTables
    stream: Stream
    clock: Clock


@contextmanager
def opened(settings: Settings | None = None, clock: Clock | None = None) -> Iterator[OpenedParts]:
    """Give the parts of a home, by default the one that the environment names, and close them again."""
    settings = settings or Settings()
    clock = clock or settings.make_clock()
    vault = Vault(settings.keys)
    bus = Bus()
    database = open_database(settings.database, bus=bus, tombstone=vault.tombstone, audit_key=vault.audit_key)
    grown = settings.database_url if database.dialect == "postgresql" else None
    online = open_online(grown or settings.online_db)
    stream = Stream(database=database, online=online, clock=clock)
    unsubscribe = bus.subscribe(stream.handle)
    try:
        yield OpenedParts(settings, database, vault, PolicySeal(settings.keys), online, stream, clock)
    finally:
        unsubscribe()
        online.close()
        database.close()
