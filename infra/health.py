"""Health: each adapter registers a ping beside its factory, and `/health` loops over what exists."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from data_contracts.errors import OOError

__all__ = ["Health", "HealthReport", "Ping"]

Ping = Callable[[], str]  # returns one detail, raises when the adapter does not work
logger = logging.getLogger(__name__)


class HealthReport(NamedTuple):
    """What one ping said."""

    name: str
    ok: bool
    detail: str
    took_ms: float
    vital: bool


class Health:
    """The pings of a process. A vital adapter that fails makes the process not ready; others only degrade it."""

    def __init__(self) -> None:
        self._pings: dict[str, tuple[Ping, bool]] = {}

    def register(self, name: str, ping: Ping, *, vital: bool = True) -> None:
        """Add the ping of an adapter; a name can be taken once."""
        if name in self._pings:
            raise ValueError(f"a ping named {name!r} is registered already")
        self._pings[name] = (ping, vital)

    def check(self) -> list[HealthReport]:
        """Ping every adapter and report each, in order of registration."""
        return [_report(name, ping, vital) for name, (ping, vital) in self._pings.items()]

    def ready(self) -> bool:
        """Whether every vital adapter answers."""
        return all(report.ok for report in self.check() if report.vital)


def _report(name: str, ping: Ping, vital: bool) -> HealthReport:
    started = perf_counter()
    try:
        ok, detail = True, ping()
    except OOError as error:
        ok, detail = False, str(error)
    except Exception as error:
        # The outcome of a failing adapter is a report; its message may hold personal bytes, so only the log has it.
        logger.exception("the ping of %s failed", name)
        ok, detail = False, type(error).__name__
    return HealthReport(name, ok, detail, (perf_counter() - started) * 1_000, vital)
