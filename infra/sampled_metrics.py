"""Metrics that read a database, sampled in the background: a scrape gets the last samples at once."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from infra.prober import Prober

__all__ = ["SampledMetrics"]


class SampledMetrics(Collector):
    """Yields what another collector yielded when it was last run; nothing while it fails or hangs."""

    def __init__(self, prober: Prober, name: str, collector: Collector) -> None:
        self._probe = prober.add(name, lambda: list(collector.collect()))

    def describe(self) -> list[Metric]:
        """Keep registration from asking."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the last samples."""
        yield from self._probe.value or ()
