"""Gives a process's registry what it can tell beside its own counters."""

from prometheus_client import CollectorRegistry

from infra.process_metrics import ProcessMetrics
from oo.household import Household
from oo.source_metrics import SourceMetrics


def measure(household: Household, registry: CollectorRegistry) -> None:
    """Register the parts that work, the fold's distance and the age of the sources."""
    registry.register(ProcessMetrics(household.database, household.clock, household.health))
    registry.register(SourceMetrics(household.database, household.stores.online, household.clock))
