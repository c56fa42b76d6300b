"""Runs in which the power fails: the database's disk drops what was not synced, the mirror's store falls back."""

import asyncio
import random
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from infra.database.engine.database import open_database
from infra.database.events import mirror_log
from infra.mirror.jetstream.connection import connected
from infra.mirror.jetstream.scan import held
from infra.mirror.jetstream.stream_config import declare, message_id
from tests.faults.checker import Report, check
from tests.faults.power_loss import Copies, Disk
from tests.faults.system import Node, System, wait_until

APART = frozenset({"nats"})  # a static program loads no library
DATABASES = ("app.db", "online.db")
ENDS = ("", "-wal")


@dataclass
class PowerReport(Report):
    """A report, and what the cuts took."""

    damaged: list[str] = field(default_factory=list)  # databases whose structure did not survive
    dropped_pages: int = 0  # written, not synced, and gone
    lucky_pages: int = 0  # written, not synced, and there all the same
    mirror_lost: list[int] = field(default_factory=list)  # messages that each life found gone from the mirror
    mirror_refilled_s: list[float] = field(default_factory=list)  # from the start of the processes until all were back

    @property
    def sound(self) -> bool:
        """Whether every promise was kept."""
        return super().sound and not self.damaged


def power_run(folder: Path, library: Path, *, rounds: int, seed: int, processor: bool = True) -> PowerReport:
    """Cut the power under load again and again, then compare everything with the ledger.

    The first cut drops all that was not synced; the others keep a random part of it. Without a processor of its own the
    api folds and relays alone.
    """
    system, report = System(folder), PowerReport()
    disk = Disk(system.home, library, APART)
    system.environment.update(disk.environment)
    nodes = (system.api, system.stream) if processor else (system.api,)
    chance = random.Random(seed)  # noqa: S311 - moments of faults, not secrets
    try:
        with system.load():  # one client for all lives
            for number in range(rounds):
                disk.watch()
                _live(system, nodes, report, chance.uniform(0.0, 0.5))
                disk.cut(None if number == 0 else chance.getrandbits(32))
                report.per_fault["power cut"] += 1
                report.damaged += [name for name in DATABASES if _integrity(_copied(system, name)) != "ok"]
            disk.watch()
            _live(system, nodes, report, 0.0)
        system.server.start()
        check(system, report)
        report.dropped_pages, report.lucky_pages = disk.dropped_pages, disk.lucky_pages
    finally:
        _off(system)
    return report


def _live(system: System, nodes: Sequence[Node], report: PowerReport, more_s: float) -> None:
    """Start everything, wait until the mirror is whole, take in some more, and lose the power."""
    system.server.start()
    lost = _marked(_copied(system, "app.db")) - _held(system)
    report.mirror_lost.append(len(lost))
    began = time.monotonic()
    for node in nodes:
        node.begin()
    for node in nodes:
        node.settle()
    wait_until(lambda: lost <= _held(system), "the mirror is not refilled")
    report.mirror_refilled_s.append(round(time.monotonic() - began, 2))
    with Copies(system.server.folder / "store") as copies:
        wait_until(lambda: copies.taken > 1, "no copy of the store was taken")
        system.progress(20)
        time.sleep(more_s)
        _off(system)
        copies.cut_back()


def _marked(database: Path) -> set[str]:
    """Return the messages that a database takes for mirrored."""
    with closing(open_database(database)) as opened, opened.read() as session:
        return {message_id(row.person, row.id) for row in mirror_log.mirrored(session, 0) if row.marked}


def _held(system: System) -> set[str]:
    """Return the messages that the mirror holds."""

    async def read() -> set[str]:
        async with connected(system.server.url, for_ever=False) as client:
            await declare(client.jetstream())
            return {message.message_id async for message in held(client)}

    return asyncio.run(read())


def _off(system: System) -> None:
    """End every process as a power loss would."""
    system.api.kill()
    system.stream.kill()
    system.server.kill()


def _copied(system: System, name: str) -> Path:
    """Copy a database aside: opening the original here would mend it behind the watched disk's back."""
    copy = system.folder / f"copy-of-{name}"
    for end in ENDS:
        original = system.home / f"{name}{end}"
        target = copy.with_name(f"{copy.name}{end}")
        target.unlink(missing_ok=True)
        if original.exists():
            shutil.copyfile(original, target)
    return copy


def _integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        try:
            said: str = connection.execute("PRAGMA integrity_check").fetchone()[0]
        except sqlite3.DatabaseError as error:
            said = str(error)
    return said
