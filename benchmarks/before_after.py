"""Processor time before and after: `python -m benchmarks.before_after REVISION [--pairs N] [NAME ...]`.

Two checkouts, the revision's in a temporary folder and this one, do the same piece of work in turn, A B A B, so a
machine whose speed drifts slows both. Reported is the median of the ratios after/before with its range; the command
fails when the median of one piece is above `WORST`. Both run in this environment, so a change of the lock is not seen.
"""

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median

from benchmarks.processor_time import PROBES
from benchmarks.result import commit, machine

CHECKOUT = Path(__file__).parent.parent
PROBE = Path(__file__).with_name("processor_time.py")
PAIRS = 10
WORST = 1.05


class Prober:
    """One checkout's process, which does one round when it is asked."""

    def __init__(self, checkout: Path, name: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(PROBE), name],
            cwd=checkout,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()  # it has settled its people and is ready

    def round(self) -> float:
        """Return the number of one round; raises `RuntimeError` when the work failed."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the probe ended with exit code {self._process.wait()}")
        return line


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """Give a folder with the files of a revision."""
    packed = subprocess.run(["git", "archive", revision], cwd=CHECKOUT, check=True, capture_output=True).stdout  # noqa: S607 - git of the path
    with tempfile.TemporaryDirectory(prefix="oo-before-") as folder:
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def compare(before: Path, name: str, pairs: int) -> dict[str, float]:
    """Return the medians of both sides and of the ratio after/before, with the ratio's range."""
    probers = [Prober(before, name), Prober(CHECKOUT, name)]
    try:
        for prober in probers:
            prober.round()  # into the caches, not counted
        turns = []
        for number in range(pairs):
            turns.append(tuple(prober.round() for prober in probers))
            sys.stderr.write(f"{name} {number + 1}/{pairs}: {turns[-1][0]:.4g}, {turns[-1][1]:.4g}\n")
    finally:
        for prober in probers:
            prober.close()
    ratios = [after / earlier for earlier, after in turns]
    return {
        "before": median(earlier for earlier, _ in turns),
        "after": median(after for _, after in turns),
        "ratio": median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
    }


def slower(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the pieces of work whose median ratio is above what is allowed."""
    return [name for name, each in found.items() if each["ratio"] > WORST]


def main() -> int:
    """Compare each named piece of work, print one JSON document, and return 1 when one got slower."""
    parser = argparse.ArgumentParser(description="processor time of this checkout against an earlier revision")
    parser.add_argument("revision", help="the earlier commit")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"by default all of {', '.join(PROBES)}")
    parser.add_argument("--pairs", type=int, default=PAIRS)
    asked = parser.parse_args()
    if unknown := set(asked.names) - PROBES.keys():
        parser.error(f"no such piece of work: {', '.join(sorted(unknown))}")
    with checked_out(asked.revision) as before:
        found: dict[str, dict[str, float]] = {}
        for name in asked.names or PROBES:
            found[name] = compare(before, name, asked.pairs)
            sys.stderr.write(f"{name}: {found[name]}\n")
    print(
        json.dumps(
            {"machine": machine(), "before": asked.revision, "after": commit(), "pairs": asked.pairs, "work": found},
            indent=2,
        )
    )
    return int(bool(slower(found)))


if __name__ == "__main__":
    sys.exit(main())
