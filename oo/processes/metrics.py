"""Registers the metrics of a process beside those of its app."""

from prometheus_client import CollectorRegistry

from infra.process_metrics import FoldMetrics, PartMetrics
from infra.sampled_metrics import SampledMetrics
from oo.processes.source_metrics import SourceMetrics
from oo.runtime import Runtime


def measure(runtime: Runtime, registry: CollectorRegistry) -> None:
    """Register the parts that work, the fold's distance and the age of the sources."""
    database, clock, prober = runtime.database, runtime.clock, runtime.health.prober
    registry.register(PartMetrics(runtime.health))
    registry.register(SampledMetrics(prober, "fold metrics", FoldMetrics(database, clock)))
    sources = SourceMetrics(database, runtime.stores.online, clock)
    registry.register(SampledMetrics(prober, "source metrics", sources))
