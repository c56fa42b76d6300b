"""What Prometheus may know of a process: which of its parts work, and how far the fold is behind the event table."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from data_contracts.identifiers import to_us
from infra.clock import Clock
from infra.database import events
from infra.database.engine import Database
from infra.health import Health

__all__ = ["ProcessMetrics"]


class ProcessMetrics(Collector):
    """Asks the parts when it is asked itself; the fold's numbers hold for all processors together."""

    def __init__(self, database: Database, clock: Clock, health: Health) -> None:
        self._database = database
        self._clock = clock
        self._health = health

    def describe(self) -> list[Metric]:
        """Keep registration from asking."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield gauges; a database that is down is named by its own ping, and the fold is then left out."""
        up = GaugeMetricFamily("oo_part_up", "1 while a part of this process answers.", labels=["part"])
        reports = self._health.check()
        for report in reports:
            up.add_metric([report.name], float(report.ok))
        yield up
        if not all(report.ok for report in reports if report.name == "database"):
            return
        with self._database.read() as session:
            unread = events.unread(session)
        age_s = max(to_us(self._clock()) - unread.oldest_us, 0) / 1e6 if unread.events else 0.0
        yield GaugeMetricFamily("oo_fold_behind_events", "Events that no fold has read.", unread.events)
        yield GaugeMetricFamily("oo_fold_behind_seconds", "Age of the oldest of them.", age_s)
