"""The table of deployments, which flow runs how often and why, and the logical windows of their runs.

A schedule that fires twice, or late, gets the same window and so does the same work.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Deployed(NamedTuple):
    """One scheduled flow: the module's entrypoint, never a path, and how long a window is."""

    entrypoint: str
    every: timedelta
    why: str
    parameters: Mapping[str, Any] = MappingProxyType({})


DEPLOYMENTS: Mapping[str, Deployed] = MappingProxyType(
    {
        "ingest_files": Deployed("flows.runs.ingest_files", HOUR, "files that changed become events"),
        "build_features": Deployed("flows.runs.build_features", HOUR, "windows move on, history grows"),
        "generate_candidates": Deployed("flows.runs.generate_candidates", 30 * MINUTE, "pools hold for an hour"),
        "retrain_policy": Deployed("flows.runs.retrain_policy", DAY, "one challenger a day"),
        "watch_drift": Deployed("flows.runs.watch_drift", HOUR, "a world that moved is learned before the day ends"),
        "promote_policy": Deployed("flows.runs.promote_policy", 6 * HOUR, "challengers see new decisions"),
        "snapshot_history": Deployed("flows.runs.snapshot_history", DAY, "what can be rebuilt outlives its database"),
        "audit_learning": Deployed("flows.runs.audit_learning", DAY, "does it personalise, does it help"),
        "expire_data": Deployed("flows.runs.expire_data", DAY, "nothing is kept longer than promised"),
    }
)


def window_end(at: datetime, every: timedelta) -> datetime:
    """Return the end of the newest whole window of that length at an instant."""
    return EPOCH + (at - EPOCH) // every * every
