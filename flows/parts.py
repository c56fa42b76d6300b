"""What a flow is made of, opened once per process from the settings; nothing of it ever travels as a parameter."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from feature_repo.online_tables import OnlineFile, OnlineTables, open_online
from flows.stream import Stream
from infra.bus import Bus
from infra.clock import Clock
from infra.database.checkpointer import Checkpointer
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
    checkpointers: Mapping[str, Checkpointer] = field(default_factory=dict)  # by the names of their pings


@contextmanager
def opened(
    settings: Settings | None = None, clock: Clock | None = None, *, answer_s: float | None = None
) -> Iterator[OpenedParts]:
    """Give the parts of a home, by default the one that the environment names, and close them again.

    Whoever opens the files can write them, so each process brings their checkpointers along; only one of them works.
    With `answer_s`, a statement to PostgreSQL that is not answered by then is an error.
    """
    settings = settings or Settings()
    clock = clock or settings.make_clock()
    vault = Vault(settings.keys)
    bus = Bus()
    database = open_database(
        settings.database, bus=bus, tombstone=vault.tombstone, audit_key=vault.audit_key, answer_s=answer_s
    )
    grown = settings.database_url if database.dialect == "postgresql" else None
    online = open_online(grown, database.connect_raw) if grown else open_online(settings.online_db)
    stream = Stream(database=database, online=online, clock=clock)
    seal = PolicySeal(settings.keys)
    with ExitStack() as stack:
        stack.callback(database.close)
        stack.callback(online.close)
        checkpointers = _checkpointers(database, online)
        for checkpointer in checkpointers.values():
            checkpointer.start()
            stack.callback(checkpointer.close)
        stack.callback(bus.subscribe(stream.handle))
        yield OpenedParts(settings, database, vault, seal, online, stream, clock, checkpointers)


def _checkpointers(database: Database, online: OnlineTables) -> dict[str, Checkpointer]:
    found: dict[str, Checkpointer] = {}
    if database.path is not None:
        found["checkpointer"] = Checkpointer(database.path, database.connect_raw)
    if isinstance(online, OnlineFile):
        found["online_checkpointer"] = Checkpointer(online.path, online.connect)
    return found
