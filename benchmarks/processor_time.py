"""Prints the processor seconds of one piece of work, for `benchmarks.before_after`: `python -P THIS_FILE NAME ROUNDS`.

It imports whatever checkout `PYTHONPATH` names, so one file measures two commits. A round is one number on a line, and
the next round begins when a line arrives on stdin: so two checkouts take turns.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPEATS = 3  # starts of an interpreter in one round: one alone is shorter than the clock's own steps
IMPORT = "import api.app"


def used_s() -> float:
    """Return the processor seconds of this process and of every child that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@contextmanager
def tip_over_http() -> Iterator[Callable[[], float]]:
    """Processor milliseconds of the server per tip, on the home of the benchmark of that name."""
    tips: Any = importlib.import_module("benchmarks.tip_over_http")
    with tempfile.TemporaryDirectory() as folder:
        settled = tips.settle(Path(folder), tips.PEOPLE)
        tips.load.pin(tips.LOAD_CORE)
        yield lambda: float(tips.measure(tips.OURS, Path(folder), settled.sids).cpu_ms)


@contextmanager
def durable_ingest() -> Iterator[Callable[[], float]]:
    """Processor seconds until 40,000 events are committed, mirrored and folded, all processes together."""
    ingest: Any = importlib.import_module("benchmarks.durable_ingest")
    lives = ingest.lives(ingest.PEOPLE, ingest.EVENTS)
    measure_ours = vars(ingest)["_measure_ours"]  # no earlier commit has a public name for it

    def one() -> float:
        before = used_s()
        with tempfile.TemporaryDirectory() as folder:
            _, _, whole = measure_ours(Path(folder), lives)
        if not whole:
            raise RuntimeError("what was ingested is not what was sent")
        return used_s() - before

    yield one


@contextmanager
def start_up() -> Iterator[Callable[[], float]]:
    """Processor seconds of `import api.app` and of `oo --help`, each in a new interpreter."""

    def one() -> float:
        before = used_s()
        for arguments in (["-c", IMPORT], ["-m", "oo", "--help"]) * REPEATS:
            subprocess.run([sys.executable, "-P", *arguments], stdout=subprocess.DEVNULL, check=True)
        return (used_s() - before) / REPEATS

    yield one


PROBES = {"tip_over_http": tip_over_http, "durable_ingest": durable_ingest, "start_up": start_up}


def main(name: str) -> None:
    """Answer each line on stdin with one round's number."""
    with PROBES[name]() as one:
        print("ready", flush=True)
        for _ in sys.stdin:
            print(one(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
