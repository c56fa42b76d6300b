"""Schedules runs: one per deployment and window, however many workers ask and however often.

Prefect 3.8's own scheduler cannot insert runs with SQLAlchemy 2.1 (a bulk insert through a hybrid attribute, which 2.1
refuses), and it would fire a window again after a change of the schedule. Here the window is the run's idempotency
key, so the server itself keeps a window from running twice; after a pause the newest whole window runs, once.
"""

from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from flows.schedule.deployments import Deployed, window_end
from infra.background_loop import BackgroundLoop
from infra.clock import Clock

TICK_S = 5.0


class Runs(Protocol):
    """Where runs are asked for."""

    def ask(self, name: str, due: datetime, key: str) -> None:
        """Ask for one run of a deployment; a second one under the same key is the first."""


class Timekeeper:
    """Asks for the newest window of each deployment, in a thread of its own."""

    def __init__(self, table: Mapping[str, Deployed], runs: Runs, clock: Clock, tick_s: float = TICK_S) -> None:
        self._table = table
        self._runs = runs
        self._clock = clock
        self._asked: dict[str, datetime] = {}
        # the server may be away: the next look asks again for what was not asked for
        self._loop = BackgroundLoop("oo-timekeeper", self.look, every_s=tick_s, at_once=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._loop.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self._loop.stop()

    def ping(self) -> str:
        """Say when it last looked; raises `Unavailable` while the server cannot be asked."""
        return self._loop.ping()

    def look(self) -> int:
        """Ask for every window that has ended and was not asked for; return how many that were."""
        now = self._clock()
        asked = 0
        for name, deployed in self._table.items():
            due = window_end(now, deployed.every)
            if self._asked.get(name) != due:
                self._runs.ask(name, due, f"{name}|{due.isoformat()}")
                self._asked[name] = due
                asked += 1
        return asked
