"""Runs the mixed load on a process and looks at it all the while."""

import time
from pathlib import Path

from tests.soak.judging import Verdict, judge, look
from tests.soak.mixed_load import MixedLoad

SAMPLES = 240
SHORTEST_S = 0.25


def soak(load: MixedLoad, pid: int, home: Path, log: Path, duration_s: float) -> Verdict:
    """Load a process for so long and judge what was seen."""
    logs = {"app.db-wal": home / "app.db-wal", "online.db-wal": home / "online.db-wal", "server.log": log}
    pause_s = max(duration_s / SAMPLES, SHORTEST_S)
    samples = []
    with load:
        began = time.monotonic()
        while (at_s := time.monotonic() - began) < duration_s:
            samples.append(look(pid, at_s, logs))
            time.sleep(pause_s)
    return judge(samples, load.timed, dict(load.statuses))
