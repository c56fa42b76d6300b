"""Kills processes and servers, then compares ledger, database, mirror and working state."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data_contracts.codec import decode
from data_contracts.identifiers import PersonId
from feature_repo.batch_fold import fold
from feature_repo.fold import StateRow
from flows.following import Following
from flows.parts import OpenedParts, opened
from infra.clock import system_clock
from infra.crash_points import STREAM_POINTS
from infra.database import dead_letters, events, mirror_log, working_state
from infra.jetstream.bundled import BundledServer, free_port
from infra.jetstream.comparing import compare
from infra.jetstream.declared import message_id
from infra.jetstream.follower import follower
from infra.jetstream.publisher import publisher
from infra.relay import Relay
from infra.settings import Settings
from tests.faults.node import PEOPLE, person
from tests.flows import people
from tests.source_tree import CHECKOUT

PATIENCE_S = 60.0
KILLED = 137
STRIDE = 1_000_000  # event numbers of one run


@dataclass
class Report:
    """What was acknowledged, and what became of it."""

    acked: int = 0
    lost: int = 0  # acknowledged, and not in the database
    not_mirrored: int = 0
    foreign: int = 0  # in the mirror only
    wrong_state: int = 0  # people whose working state is not the fold of their events, each once
    dead_letters: int = 0
    per_fault: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {**vars(self), "per_fault": dict(self.per_fault)}


class Harness:
    """One home, one server, one ledger, and a row of processes that die."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.home = folder / "home"
        self.ledger = folder / "ledger"
        self.ledger.touch()
        self.settings = Settings(home=self.home)
        self.server = BundledServer(self.settings.nats, self.settings.keys, port=free_port())
        self.report = Report()
        self._chance = random.Random(seed)  # noqa: S311 - moments of faults, not secrets
        self._runs = 0
        with opened(self.settings) as parts:
            parts.database.migrate()
            for number in range(PEOPLE):
                people.settle(parts.database, person(number), system_clock(), name=f"person {number}")

    def crash_at(self, point: str, times: int) -> None:
        """Let a process die at a crash point."""
        node = self._node(f"{point}:{times}")
        try:
            code = node.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            node.kill()
            code = node.wait()
        assert code == KILLED, f"{point} was never reached"
        self.report.per_fault[point] += 1

    def kill_process(self) -> None:
        """Kill a process at a random moment of its work."""
        node = self._node("")
        self._let_work()
        node.kill()
        node.wait()
        self.report.per_fault["kill -9 of the process"] += 1

    def kill_server(self, *, wipe: bool = False) -> None:
        """Kill the server under load, let the load go on without it, and start it again, emptied with `wipe`."""
        node = self._node("")
        self._let_work()
        self.server.kill()
        if wipe:
            shutil.rmtree(self.server.folder / "store")
        self._let_work()
        self.server.start()
        self._let_work()
        node.kill()
        node.wait()
        self.report.per_fault["nats wiped" if wipe else "kill -9 of nats"] += 1

    def two_at_once(self) -> None:
        """Let two processes take in, relay and follow at the same time, and kill both."""
        nodes = [self._node(""), self._node("")]
        self._let_work()
        for node in nodes:
            node.kill()
            node.wait()
        self.report.per_fault["two relays at once"] += 1

    def check(self) -> Report:
        """Let what is left arrive, then compare everything with the ledger."""
        with opened(self.settings) as parts:
            self._drain(parts)
            found = asyncio.run(compare(parts.database, self.server.url, 0))
            with parts.database.read() as session:
                table = {message_id(row.person, row.id) for row in mirror_log.mirrored(session, 0)}
                self.report.dead_letters = dead_letters.total(session)
            acked = self.ledger.read_text().splitlines()
            self.report.acked = len(acked)
            self.report.lost = len(set(acked) - table)
            self.report.not_mirrored = found.missing + found.waiting + found.different
            self.report.foreign = found.foreign
            self.report.wrong_state = sum(_wrong(parts, person(number)) for number in range(PEOPLE))
        return self.report

    def _drain(self, parts: OpenedParts) -> None:
        url = self.server.url
        relay = Relay(parts.database, system_clock, lambda: publisher(url))
        following = Following(parts.database, parts.stream, system_clock, lambda: follower(url, "fold"))
        deadline = time.monotonic() + PATIENCE_S
        with relay, following:
            while True:
                with parts.database.read() as session:
                    if not mirror_log.lag(session, 0).events and not events.behind(session):
                        return
                assert time.monotonic() < deadline, "it does not drain"
                time.sleep(0.05)

    def _node(self, armed: str) -> "subprocess.Popen[bytes]":
        self._runs += 1
        arguments = [str(self.home), self.server.url, str(self.ledger), str(self._runs * STRIDE)]
        before = self.ledger.stat().st_size
        node = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.node", *arguments],
            cwd=CHECKOUT,
            env={**os.environ, "OO_CRASH_AT": armed},
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE_S
        while self.ledger.stat().st_size == before and node.poll() is None:
            assert time.monotonic() < deadline, "the process does not begin to work"
            time.sleep(0.01)
        return node

    def _let_work(self) -> None:
        time.sleep(self._chance.uniform(0.05, 0.8))


def run(folder: Path, *, points: Sequence[str] = STREAM_POINTS, rounds: int, seed: int) -> Report:
    """Die at each of the points, with a wiped mirror in between, then suffer `rounds` kills at random, and check."""
    harness = Harness(folder, seed)
    chance = random.Random(seed)  # noqa: S311 - as above
    harness.server.start()
    try:
        for point in points:
            harness.crash_at(point, chance.randint(2, 9))
        harness.kill_server(wipe=True)
        harness.two_at_once()
        for _ in range(rounds):
            chance.choice((harness.kill_process, harness.kill_server, harness.two_at_once))()
        return harness.check()
    finally:
        harness.server.stop()


def _wrong(parts: OpenedParts, who: PersonId) -> bool:
    with parts.database.read() as session:
        stored = [StateRow.of(*row) for row in working_state.load(session, who)]
        log = [decode(row.payload) for row in mirror_log.mirrored(session, 0) if row.person == who]
    return sorted(stored) != sorted(fold(log).rows())
