"""Gives a process's registry what it can tell beside its own counters."""

from prometheus_client import CollectorRegistry

from infra.process_metrics import FoldMetrics, PartMetrics
from infra.sampled_metrics import SampledMetrics
from oo.processes.source_metrics import SourceMetrics
from oo.runtime import Household


def measure(household: Household, registry: CollectorRegistry) -> None:
    """Register the parts that work, the fold's distance and the age of the sources."""
    database, clock, prober = household.database, household.clock, household.health.prober
    registry.register(PartMetrics(household.health))
    registry.register(SampledMetrics(prober, "fold metrics", FoldMetrics(database, clock)))
    sources = SourceMetrics(database, household.stores.online, clock)
    registry.register(SampledMetrics(prober, "source metrics", sources))
