"""Prometheus metrics of a server's connections."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from oo.processes.http_server.connections import OpenConnections
from oo.processes.http_server.refusals import Refusal


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
