"""The system under fault: the real commands as processes of one home, and what a fault may do to them."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import insert

from data_contracts.identifiers import PersonId, to_us
from flows.context import opened
from infra.clock import system_clock
from infra.database.all_tables import DecisionRow
from infra.database.people import access_tokens
from infra.mirror.jetstream.bundled_server import BundledServer
from infra.network_addresses import free_port
from infra.settings import Settings
from tests.faults.load import TIPS, Load, Signed, tip_of
from tests.flows import people
from tests.infra.database.rows import decision
from tests.source_tree import CHECKOUT

PATIENCE_S = 120.0
PEOPLE = 4


def person(number: int) -> PersonId:
    """Return one of the people of the system."""
    return PersonId(f"{number:032x}")


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Wait for what other processes bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@dataclass
class Node:
    """One `oo` command of the home."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, **more: str) -> None:
        """Start it, and wait until it answers its probe; one that is told to die may be dead by then."""
        self.begin(**more)
        self.settle()

    def begin(self, **more: str) -> None:
        """Start it."""
        command = [sys.executable, "-m", "oo", "serve", *self.arguments, "--port", str(self.port)]
        environment = {**os.environ, **self.environment, **more}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=log, stderr=log)

    def settle(self) -> None:
        """Wait until it answers or is dead."""
        wait_until(lambda: self.answers or self.dead, f"{self.name} does not answer; see {self.log}")

    @property
    def dead(self) -> bool:
        """Whether the process has ended."""
        return self.process is None or self.process.poll() is not None

    @property
    def answers(self) -> bool:
        """Whether its probe answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/ready", timeout=5):
                return True
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """Kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def limit_files(self, size: int) -> None:
        """Let every write behind `size` bytes of a file fail, as on a full disk; a negative size lifts the limit."""
        assert self.process is not None
        soft = resource.RLIM_INFINITY if size < 0 else size
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))


class System:
    """One home with api, a stream processor of its own, nats-server, and a ledger outside of it."""

    def __init__(self, folder: Path, database_url: str | None = None, *, tips: int = TIPS) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.ledger = folder / "ledger"
        self.ledger.touch()
        self.settings = Settings(home=self.home, database_url=database_url)
        self.server = BundledServer(self.settings.nats, self.settings.keys, port=free_port())
        self.environment = {
            "OO_HOME": str(self.home),
            "NATS_URL": self.server.url,
            "OO_DATABASE_URL": database_url or "",
        }
        self.api = self.node("api", "api")
        self.stream = self.node("stream", "stream")
        self.people = self._settle(tips)

    def node(self, name: str, *arguments: str) -> Node:
        """Return a process of this home, not yet started."""
        return Node(name, list(arguments), self.environment, self.folder / f"{name}.log")

    def _settle(self, tips: int) -> list[Signed]:
        signed = []
        with opened(self.settings) as context:
            context.database.migrate()
            for number in range(PEOPLE):
                people.settle(context.database, person(number), system_clock(), name=f"person {number}")
                context.vault.seal(person(number), "text", b"")  # makes the key that the tips below are said to need
                with context.database.unit_of_work() as uow:
                    sid = access_tokens.open_session(uow, person=person(number), now_us=to_us(system_clock()))
                    uow.commit()
                signed.append(Signed(person(number), sid))
            now_us = to_us(system_clock())
            given = [decision(who.person, tip_of(who.person, n), now_us) for who in signed for n in range(tips)]
            with context.database.unit_of_work() as uow:
                uow.session.execute(insert(DecisionRow), [tip._asdict() for tip in given])
                uow.commit()
        return signed

    def start(self) -> None:
        """Start everything."""
        self.server.start()
        for node in (self.api, self.stream):
            node.begin()
        for node in (self.api, self.stream):
            node.settle()

    def stop(self) -> None:
        """Kill everything."""
        self.api.kill()
        self.stream.kill()
        self.server.stop()

    def run(self, *arguments: str) -> None:
        """Run an `oo` command in this home to its end."""
        command = [sys.executable, "-m", "oo", *arguments]
        with (self.folder / "commands.log").open("ab") as log:
            subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **self.environment}, stderr=log, check=True)

    def load(self) -> Load:
        """Return the client."""
        return Load(self.api.port, self.ledger, self.people)

    def acked(self) -> int:
        """Return how many lines the ledger has."""
        return self.ledger.read_bytes().count(b"\n")

    def progress(self, lines: int = 5) -> None:
        """Wait until so many more things were acknowledged."""
        before = self.acked()
        wait_until(lambda: self.acked() >= before + lines, "nothing is acknowledged any more")
