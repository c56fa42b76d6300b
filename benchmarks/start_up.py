"""Cost of a start: `import api.app` against the four libraries that it uses, `oo --help`, and idle memory.

Each import runs in a process of its own, ours and the peer's by turns, so that a busy machine slows both.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.result import Result
from infra.child_process import bound_to_parent

ROUNDS = 5
TARGET = 1.5  # times the peer
HELP_S, IDLE_MB = 0.5, 700
START_S, SETTLE_S, LOOK_S, END_S = 40, 15, 2.0, 15
RUN = "prefect.engine"  # the process of one scheduled run
CHECKOUT = Path(__file__).parent.parent
PEER = "import fastapi, sqlalchemy.orm, numpy, pydantic_settings"
OURS = "import api.app"
BANNED = ("prefect", "mlflow", "feast", "great_expectations", "lightgbm", "litellm", "polars", "scipy.stats")


def import_s(statement: str) -> float:
    """Return the seconds that an import takes in a new interpreter, without the interpreter's own start."""
    timed = f"import time; begin = time.perf_counter(); {statement}; print(time.perf_counter() - begin)"
    return float(_said([sys.executable, "-c", timed]))


def banned_vendors() -> list[str]:
    """Return what `import api.app` loads although it must not."""
    listing = f"{OURS}; import sys; print(*(name for name in {BANNED!r} if name in sys.modules))"
    return _said([sys.executable, "-c", listing]).split()


def help_s() -> float:
    """Return the seconds of `oo --help`, the interpreter's start included."""
    begin = time.perf_counter()
    _said([sys.executable, "-m", "oo", "--help"])
    return time.perf_counter() - begin


def _said(command: list[str]) -> str:
    told = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return told.stdout.strip()


def idle_memory() -> dict[str, Any]:
    """Return the memory of `oo up`: of its whole tree and of each process, in MB; of its scheduled runs apart.

    The sum of resident sizes counts shared pages once for each process; `proportional_mb` splits them.
    """
    with tempfile.TemporaryDirectory() as home, started(Path(home)) as up:
        said = up.stdout.readline() if up.stdout and select.select([up.stdout], [], [], START_S)[0] else ""
        if not said:
            return {"skipped": f"`oo up` said nothing within {START_S} s; its exit code is {up.poll()}"}
        return {"listening": "url" in json.loads(said), "target_mb": IDLE_MB, **_settled(up.pid)}


@contextmanager
def started(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Run `oo up` in a home until the end of the block; it ends with this process however that ends."""
    up = subprocess.Popen(
        bound_to_parent([sys.executable, "-m", "oo", "up", "--json"]),
        cwd=CHECKOUT,
        env={**os.environ, "OO_HOME": str(home), "HOME": str(home), "OO_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        yield up
    finally:
        up.terminate()
        try:
            up.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            up.kill()  # its child processes end with it
            up.communicate()


def _settled(root: int) -> dict[str, Any]:
    """Return the memory of a process tree after `SETTLE_S`; what runs a flow just then is counted by itself."""
    peak = {"runs": 0, "runs_mb": 0}
    until = time.monotonic() + SETTLE_S
    while True:
        sizes = {f"{_command(pid)} ({pid - root:+d})": _memory_mb(pid) for pid in tree(root)}
        runs = {name: size for name, size in sizes.items() if RUN in name}
        resting = {name: size for name, size in sizes.items() if name not in runs}
        busy = round(sum(size[0] for size in runs.values()))
        peak = max(peak, {"runs": len(runs), "runs_mb": busy}, key=lambda seen: seen["runs_mb"])
        if time.monotonic() > until:
            break
        time.sleep(LOOK_S)
    return {
        "resident_mb": round(sum(size[0] for size in resting.values())),
        "proportional_mb": round(sum(size[1] for size in resting.values())),
        "processes": {name: round(size[0]) for name, size in resting.items()},
        "scheduled_runs_beside_it_at_most": peak,
    }


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found.extend(int(child) for child in task.read_text(encoding="ascii").split())
    return found


def _memory_mb(pid: int) -> tuple[float, float]:
    """Return the resident and the proportional size; zero for a process that has just ended."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    sizes = {line.partition(":")[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return sizes["Rss"] / 1024, sizes["Pss"] / 1024


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return "ended"
    return " ".join(Path(word).name for word in words[:6] if word)


def run() -> Result:
    """Measure the median import by turns, the median of `oo --help`, and the memory of an idle `oo up`."""
    import_s(OURS), import_s(PEER)  # into the page cache, and compiled
    turns = [(import_s(OURS), import_s(PEER)) for _ in range(ROUNDS)]
    ours, peer = (median(column) for column in zip(*turns, strict=True))
    banned = banned_vendors()
    return Result(
        name="start_up",
        ours=ours,
        peer=peer,
        unit="s",
        ratio=peer / ours,
        target=1 / TARGET,
        equal=not banned,
        notes={
            "what": f"{OURS} against {PEER}; at most {TARGET} times as long is a ratio of at least {1 / TARGET:.3f}",
            "times_the_peer": ours / peer,
            "banned_vendors_loaded": banned,
            "oo_help_s": median(help_s() for _ in range(ROUNDS)),
            "oo_help_target_s": HELP_S,
            "oo_up_idle": idle_memory(),
            "load_average": os.getloadavg()[0],
        },
    )
