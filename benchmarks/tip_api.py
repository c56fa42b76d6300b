"""`python -m benchmarks.tip_api HOME`: oO's API over a prepared home; another process sets its clock and seeds."""

import sys
from itertools import count
from pathlib import Path

from api.app import create_app
from benchmarks.hand_clock import HandClock
from benchmarks.pinned_server import serve
from infra.settings import Settings
from oo.runtime import Runtime


class SeededRuntime(Runtime):
    """A runtime as `oo up` opens it, whose decisions take the seeds 1, 2, 3, ..."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings(home=home), HandClock(home / "clock"))
        self._seeds = count(1)

    def new_seed(self) -> int:
        """Return the next seed."""
        return next(self._seeds)


def main(home: Path) -> None:
    """Serve until killed."""
    with SeededRuntime(home) as runtime:
        app = create_app(runtime.settings, runtime.serving.services)
        runtime.serving.start()
        serve(app)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
