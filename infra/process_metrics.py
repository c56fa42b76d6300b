"""Prometheus metrics of a process: which parts work, and the lag of the fold behind the event table."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from data_contracts.identifiers import to_us
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.events import events
from infra.health import Health

__all__ = ["FoldMetrics", "PartMetrics"]


class PartMetrics(Collector):
    """The parts as they were last probed."""

    def __init__(self, health: Health) -> None:
        self._health = health

    def describe(self) -> list[Metric]:
        """Keep registration from asking."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield gauges by part."""
        up = GaugeMetricFamily("oo_part_up", "1 while a part of this process answers.", labels=["part"])
        age = GaugeMetricFamily("oo_part_age_seconds", "How long ago a part was last probed.", labels=["part"])
        for report in self._health.check():
            up.add_metric([report.name], float(report.ok))
            if report.age_s is not None:
                age.add_metric([report.name], report.age_s)
        yield up
        yield age


class FoldMetrics(Collector):
    """How far the fold is behind; the numbers hold for all processors together."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def describe(self) -> list[Metric]:
        """Keep registration from reading the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield gauges."""
        with self._database.read() as session:
            unread = events.unread(session)
        age_s = max(to_us(self._clock()) - unread.oldest_us, 0) / 1e6 if unread.events else 0.0
        yield GaugeMetricFamily("oo_fold_behind_events", "Events that no fold has read.", unread.events)
        yield GaugeMetricFamily("oo_fold_behind_seconds", "Age of the oldest of them.", age_s)
