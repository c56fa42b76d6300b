"""What a run is made of: the short one of the suite and the long one of `make faults`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.fault_injection import STREAM_POINTS
from tests.faults.checker import Report, check
from tests.faults.faults import Faults
from tests.faults.system import System

HOUR_S = 3_600


@contextmanager
def suffering(folder: Path, url: str | None, seed: int) -> Iterator[tuple[Faults, Report]]:
    """Run a system under load, give its faults, and check it at the end."""
    system, report = System(folder, url), Report()
    try:
        system.start()
        with system.load() as load:
            system.progress()
            yield Faults(system, load, report, seed), report
        system.api.kill()
        system.stream.kill()
        check(system, report)
    finally:
        system.stop()


def short_run(folder: Path, url: str | None, seed: int) -> Report:
    """Suffer some faults that are quick."""
    with suffering(folder, url, seed) as (faults, report):
        faults.crash_at("before_mark" if url else "after_commit")
        faults.wipe()
        if url is None:
            faults.kill("stream")
            faults.nats_away(2)
            faults.disk_full()
    return report


def long_run(folder: Path, url: str | None, *, rounds: int, away_s: float, seed: int) -> Report:
    """Suffer everything."""
    with suffering(folder, url, seed) as (faults, report):
        for point in STREAM_POINTS:
            faults.crash_at(point)
        faults.wipe()
        faults.flip_mirror()
        faults.poison()
        faults.relays_at_once()
        faults.hand_over()
        faults.jump(HOUR_S)
        faults.jump(-HOUR_S)
        if url is None:
            faults.disk_full()
        for _ in range(rounds):
            faults.kill_at_random()
        faults.nats_away(away_s)
        faults.forgotten_repetition()
    return report
