"""Metrics of a process beside those of its app: its parts, the lag of its fold, its connections."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from data_contracts.identifiers import to_us
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.events import events
from infra.health import Health
from infra.sampled_metrics import SampledMetrics
from oo.processes.http_server.connections import OpenConnections
from oo.processes.http_server.refusals import Refusal
from oo.processes.source_metrics import SourceMetrics
from oo.runtime import Runtime


def measure(runtime: Runtime, registry: CollectorRegistry) -> None:
    """Register the parts that work, the fold's distance and the age of the sources."""
    database, clock, prober = runtime.database, runtime.clock, runtime.health.prober
    registry.register(PartMetrics(runtime.health))
    registry.register(SampledMetrics(prober, "fold metrics", FoldMetrics(database, clock)))
    sources = SourceMetrics(database, runtime.stores.online, clock)
    registry.register(SampledMetrics(prober, "source metrics", sources))


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


class ConnectionMetrics(Collector):
    """Reads the counters of one server when it is asked."""

    def __init__(self, connections: OpenConnections) -> None:
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        """Yield how many connections are open, how many were ended for newer ones, and what was refused and why."""
        held = self._connections
        yield GaugeMetricFamily("oo_http_connections", "Open connections.", len(held.all))
        yield CounterMetricFamily("oo_http_evictions", "Connections ended to make room for newer ones.", held.evictions)
        refused = CounterMetricFamily("oo_http_refusals", "Requests that the server refused itself.", labels=["reason"])
        for refusal in Refusal:
            refused.add_metric([refusal.code], held.refusals[refusal])
        yield refused
