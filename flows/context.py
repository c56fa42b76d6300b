"""The context of a flow, opened once per process from the settings; none of it is a flow parameter."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from data_contracts.identifiers import to_us
from feature_repo.online import OnlineFile, OnlineTables, open_online
from flows.stream.processor import Stream
from infra.bus import Bus
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.maintenance.checkpointer import Checkpointer
from infra.home.consistency import sqlite_file
from infra.home.opening import open_home
from infra.settings import Settings
from infra.signing import PolicySeal
from infra.vault import Vault


class FlowContext(Protocol):
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
        """Signs policies with this home's key, and verifies them."""

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
class OpenedContext:
    """The parts of a process that runs flows."""

    settings: Settings
    database: Database
    vault: Vault
    seal: PolicySeal
    online: OnlineTables
    stream: Stream
    clock: Clock
    checkpointers: Mapping[str, Checkpointer] = field(default_factory=dict)  # by the names of their pings


def online_location(settings: Settings) -> str | Path:
    """Return where the online tables lie: in PostgreSQL beside the application database, or in a file of the home."""
    return settings.online_db if sqlite_file(settings) is not None else str(settings.database_url)


@contextmanager
def opened(
    settings: Settings | None = None,
    clock: Clock | None = None,
    *,
    answer_s: float | None = None,
    online: bool = True,
) -> Iterator[OpenedContext]:
    """Give the parts of a home, by default the one that the environment names, and close them again.

    A process that opens the files can write them, so each has their checkpointers; only one of them is active.
    With `answer_s`, a statement to PostgreSQL that is not answered by then is an error. Without `online` the online
    features may be missing, for a rebuild. Raises `DamagedStore` for a home that does not belong together.
    """
    settings = settings or Settings()
    clock = clock or settings.make_clock()
    bus = Bus()
    home = open_home(
        settings,
        bus,
        now_us=to_us(clock()),
        make_online=lambda: open_online(online_location(settings)).close(),
        online=online,
        answer_s=answer_s,
    )
    database = home.database
    with ExitStack() as stack:
        stack.callback(database.close)
        on_server = database.dialect == "postgresql"
        tables = open_online(online_location(settings), database.connect_raw if on_server else None)
        stack.callback(tables.close)
        stream = Stream(database=database, online=tables, clock=clock)
        checkpointers = _checkpointers(database, tables)
        for checkpointer in checkpointers.values():
            checkpointer.start()
            stack.callback(checkpointer.close)
        stack.callback(bus.subscribe(stream.handle))
        yield OpenedContext(settings, database, home.vault, home.seal, tables, stream, clock, checkpointers)


def _checkpointers(database: Database, online: OnlineTables) -> dict[str, Checkpointer]:
    found: dict[str, Checkpointer] = {}
    if database.path is not None:
        found["checkpointer"] = Checkpointer(database.path, database.connect_raw)
    if isinstance(online, OnlineFile):
        found["online_checkpointer"] = Checkpointer(online.path, online.connect)
    return found
