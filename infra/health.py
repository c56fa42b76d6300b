"""Health: each adapter registers a ping beside its factory, a prober runs them, and `/health` reads the results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from infra.prober import Probe, Prober

__all__ = ["Check", "Health", "HealthReport", "Ping"]

Ping = Callable[[], str]  # returns one detail, raises when the adapter does not work


class Check(NamedTuple):
    """What a ping said last, and how long ago; `age_s` is None before the first result."""

    name: str
    ok: bool
    detail: str
    took_ms: float
    vital: bool
    age_s: float | None


class HealthReport(NamedTuple):
    """What `/health` says of a process: `ok`, `degraded` when a lesser adapter fails, `down` when a vital one does."""

    status: str
    checks: list[Check]

    @property
    def ready(self) -> bool:
        """Whether every vital adapter answered when it was last pinged."""
        return self.status != "down"

    def content(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {"status": self.status, "checks": [check._asdict() for check in self.checks]}


class Health:
    """The pings of a process. A vital adapter that fails makes the process not ready; others only degrade it."""

    def __init__(self, prober: Prober | None = None) -> None:
        self.prober = prober or Prober()
        self._parts: dict[str, tuple[Probe, bool]] = {}

    def register(self, name: str, ping: Ping, *, vital: bool = True) -> None:
        """Add the ping of an adapter; a name can be taken once."""
        if name in self._parts:
            raise ValueError(f"a ping named {name!r} is registered already")
        self._parts[name] = (self.prober.add(name, ping), vital)

    @contextmanager
    def probing(self) -> Iterator[None]:
        """Ping every adapter in the background while the block lasts."""
        self.prober.start()
        try:
            yield
        finally:
            self.prober.close()

    def probe(self) -> None:
        """Ping every adapter now, and wait for each."""
        self.prober.probe()

    def check(self) -> list[Check]:
        """Return the last result of every adapter, in order of registration; this waits for nothing."""
        return [_check(probe, vital) for probe, vital in tuple(self._parts.values())]

    def report(self) -> HealthReport:
        """Return what `/health` says, of the last results; this waits for nothing."""
        checks = self.check()
        failing = [check for check in checks if not check.ok]
        status = "down" if any(check.vital for check in failing) else "degraded" if failing else "ok"
        return HealthReport(status, checks)

    def ready(self) -> bool:
        """Whether every vital adapter answered when it was last pinged."""
        return self.report().ready


def _check(probe: Probe, vital: bool) -> Check:
    fault, outcome = probe.fault, probe.outcome
    detail = fault if fault is not None else str(probe.value)
    return Check(probe.name, fault is None, detail, outcome.took_ms if outcome else 0.0, vital, probe.age_s)
