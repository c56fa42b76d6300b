"""Health: each adapter registers a ping beside its factory, one prober runs them, and `/health` reads its results."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from infra.prober import Probe, Prober

__all__ = ["Health", "HealthReport", "Ping"]

Ping = Callable[[], str]  # returns one detail, raises when the adapter does not work


class HealthReport(NamedTuple):
    """What a ping said last, and how long ago; `age_s` is None before the first result."""

    name: str
    ok: bool
    detail: str
    took_ms: float
    vital: bool
    age_s: float | None


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

    def check(self) -> list[HealthReport]:
        """Report the last result of every adapter, in order of registration; this waits for nothing."""
        return [_report(probe, vital) for probe, vital in tuple(self._parts.values())]

    def ready(self) -> bool:
        """Whether every vital adapter answered when it was last pinged."""
        return all(report.ok for report in self.check() if report.vital)


def _report(probe: Probe, vital: bool) -> HealthReport:
    fault, outcome = probe.fault, probe.outcome
    detail = fault if fault is not None else str(probe.value)
    return HealthReport(probe.name, fault is None, detail, outcome.took_ms if outcome else 0.0, vital, probe.age_s)
