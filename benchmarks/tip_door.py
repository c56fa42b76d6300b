"""`python -m benchmarks.tip_door HOME`: oO's own door over a prepared home, its clock and seeds set from outside."""

import sys
from itertools import count
from pathlib import Path

from api.app import create_app
from benchmarks.hand_clock import HandClock
from benchmarks.pinned_server import serve
from infra.settings import Settings
from oo.runtime import Runtime


class SeededHousehold(Runtime):
    """A household as `oo up` opens it, whose decisions take the seeds 1, 2, 3, ..."""

    def __init__(self, home: Path) -> None:
        super().__init__(Settings(home=home), HandClock(home / "clock"))
        self._seeds = count(1)

    def new_seed(self) -> int:
        """Return the next seed."""
        return next(self._seeds)


def main(home: Path) -> None:
    """Serve until killed."""
    with SeededHousehold(home) as runtime:
        app = create_app(runtime.settings, runtime.services)
        runtime.start()
        serve(app)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
