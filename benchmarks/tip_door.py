"""`python -m benchmarks.tip_door HOME`: oO's own door over a prepared home, its clock and seeds set from outside."""

import sys
from functools import cached_property
from itertools import count
from pathlib import Path

from api.app import create_app
from benchmarks.hand_clock import HandClock
from benchmarks.pinned_server import serve
from infra.settings import Settings
from oo.household import Household
from oo.processes import tune_interpreter
from serving.recommender import Recommender


class SeededHousehold(Household):
    """A household as `oo up` opens it, whose decisions take the seeds 1, 2, 3, ..."""

    @cached_property
    def recommender(self) -> Recommender:
        """Return what gives one answer."""
        seeds = count(1)
        return Recommender(
            reader=self.reader,
            writer=self.writer,
            vault=self.vault,
            champion=self.champion,
            pools=self.pools,
            clock=self.clock,
            new_seed=lambda: next(seeds),
        )


def main(home: Path) -> None:
    """Serve until killed."""
    settings = Settings(home=home)
    with SeededHousehold(settings, HandClock(home / "clock")) as household:
        app = create_app(settings, household.parts)
        household.start()
        tune_interpreter()
        serve(app)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
