"""The faults: each is one function that does something bad to the system under load and waits until it works again."""

import asyncio
import random
import shutil
import time

from infra.database.engine.database import open_database
from infra.database.events import dead_letters
from infra.mirror.jetstream.connection import connected
from infra.mirror.jetstream.stream_config import DUPLICATES_S, SEQUENCE, subject
from tests.faults.checker import Report
from tests.faults.damage import flip
from tests.faults.load import Load
from tests.faults.system import Node, System, person, wait_until

KILLED = 137
POISON = 3
BIG = 900_000  # bytes, just below what the server takes
SPARE = 64 << 10  # bytes that the log may still grow before the disk is full


class Faults:
    """Does faults and counts them."""

    def __init__(self, system: System, load: Load, report: Report, seed: int) -> None:
        self._system = system
        self._load = load
        self._report = report
        self._chance = random.Random(seed)  # noqa: S311 - moments of faults, not secrets

    def _note(self, fault: str) -> None:
        self._system.progress()
        self._report.per_fault[fault] += 1

    def _rest(self) -> None:
        time.sleep(self._chance.uniform(0.05, 0.8))

    def crash_at(self, point: str) -> None:
        """Let the api die at a crash point."""
        api = self._system.api
        api.kill()
        api.start(OO_CRASH_AT=f"{point}:{self._chance.randint(2, 9)}")
        wait_until(lambda: api.dead, f"{point} was never reached")
        assert api.process is not None
        assert api.process.returncode == KILLED, f"the api ended by itself; see {api.log}"
        api.start()
        self._note(f"api dies {point.replace('_', ' ')}")

    def kill(self, name: str) -> None:
        """Kill -9 at a random moment."""
        self._rest()
        if name == "nats":
            self._system.server.kill()
            self._rest()
            self._system.server.start()
        else:
            node: Node = getattr(self._system, name)
            node.kill()
            node.start()
        self._note(f"kill -9 of {name}")

    def kill_at_random(self) -> None:
        """Kill one of the three at random."""
        self.kill(self._chance.choice(("api", "stream", "nats")))

    def nats_away(self, seconds: float) -> None:
        """Leave the system without its mirror under load; taking in goes on."""
        self._system.server.kill()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self._system.progress()
            time.sleep(min(1.0, seconds / 4))
        self._system.server.start()
        self._note(f"nats away for {seconds:g} s")

    def wipe(self) -> None:
        """Kill the server and remove all that it has stored."""
        self._system.server.kill()
        shutil.rmtree(self._system.server.folder / "store")
        self._system.server.start()
        self._note("JetStream directory wiped")

    def flip_mirror(self) -> None:
        """Flip a bit in each of the server's message files while it is down, then let `oo mirror rebuild` mend it."""
        self._system.server.kill()
        for block in (self._system.server.folder / "store").rglob("*.blk"):
            flip(block, self._chance.random())
        self._system.server.start()
        self._system.run("mirror", "rebuild")
        self._note("bit flipped in JetStream's files")

    def relays_at_once(self) -> None:
        """Start a third relay and processor of everybody, and kill it with the second one."""
        third = self._system.node("third", "stream")
        third.start()
        self._rest()
        third.kill()
        self._system.stream.kill()
        self._system.stream.start()
        self._note("three relays and processors at once, two killed")

    def hand_over(self) -> None:
        """Split the people among two processors, then among three, with deaths in between."""
        self._system.stream.kill()
        for parts in (2, 3):
            names = [f"{number}/{parts}" for number in range(1, parts + 1)]
            shares = [self._system.node(name.replace("/", "-of-"), "stream", "--share", name) for name in names]
            for share in shares:
                share.begin()
            for share in shares:
                share.settle()
            self._system.progress()
            for share in shares:
                share.kill()
        self._system.stream.start()
        self._note("shares handed over")

    def poison(self) -> None:
        """Put messages into the stream that nobody can read; they become dead letters, and leave with a rebuild."""
        asyncio.run(self._publish_poison())
        database = open_database(self._system.settings.database)

        def buried() -> bool:
            with database.read() as session:
                return dead_letters.total(session) >= POISON

        wait_until(buried, "poison does not become dead letters")
        database.close()
        self._system.run("mirror", "rebuild")
        self._note("poison messages")

    async def _publish_poison(self) -> None:
        where = subject("task_changed", person(0))
        async with connected(self._system.server.url, for_ever=False) as client:
            js = client.jetstream()
            await js.publish(where, b"\xff\xff", headers={SEQUENCE: "1"})
            await js.publish(where, b"", headers={})
            await js.publish(where, b"x" * BIG, headers={SEQUENCE: str(1 << 40)})

    def disk_full(self) -> None:
        """Let the api's writes fail behind the present end of the log, as a full disk does; then free the space."""
        log = self._system.home / "app.db-wal"
        refused = self._load.refused
        self._system.api.limit_files(log.stat().st_size + SPARE)
        wait_until(lambda: self._load.refused > refused, "the full disk was not noticed")
        assert self._system.api.answers or not self._system.api.dead, "the api died of a full disk"
        self._system.api.limit_files(-1)
        self._note("no space for the database's log")

    def jump(self, seconds: int) -> None:
        """Restart api and processor with a clock that is wrong."""
        for clock in (f"{seconds:+d}", ""):
            for node in (self._system.stream, self._system.api):
                node.kill()
                node.begin(OO_CLOCK=clock)
            self._system.api.settle()
            self._system.stream.settle()
            self._system.progress()
        self._note(f"clock {seconds:+d} s and back")

    def forgotten_repetition(self) -> None:
        """Stop a relay between acknowledgement and mark for longer than the server remembers message ids."""
        self._system.stream.kill()
        self._system.api.kill()
        self._system.api.start(OO_CRASH_AT="after_pub_ack:3")
        wait_until(lambda: self._system.api.dead, "after_pub_ack was never reached")
        time.sleep(DUPLICATES_S + 5)
        self._system.api.start()
        self._system.stream.start()
        self._note("relay resumed behind the de-duplication window")
