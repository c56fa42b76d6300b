"""The table of deployments: which flow runs how often, and why."""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Deployed(NamedTuple):
    """One scheduled flow: the module's entrypoint, never a path, and how long a window is."""

    entrypoint: str
    every: timedelta
    why: str
    parameters: Mapping[str, Any] = MappingProxyType({})


DEPLOYMENTS: Mapping[str, Deployed] = MappingProxyType(
    {
        "ingest_files": Deployed("flows.ingest_files.ingest_files", HOUR, "files that changed become events"),
        "build_features": Deployed("flows.build_features.build_features", HOUR, "windows move on, history grows"),
        "generate_candidates": Deployed(
            "flows.generate_candidates.generate_candidates", 30 * MINUTE, "pools hold for an hour"
        ),
        "retrain_policy": Deployed("flows.retrain_policy.retrain_policy", DAY, "one challenger a day"),
        "watch_drift": Deployed(
            "flows.watch_drift.watch_drift", HOUR, "a world that moved is learned before the day ends"
        ),
        "promote_policy": Deployed("flows.promote_policy.promote_policy", 6 * HOUR, "challengers see new decisions"),
        "snapshot_history": Deployed(
            "flows.snapshot_history.snapshot_history", DAY, "what can be rebuilt outlives its database"
        ),
        "audit_learning": Deployed("flows.audit_learning.audit_learning", DAY, "does it personalise, does it help"),
        "expire_data": Deployed("flows.expire_data.expire_data", DAY, "nothing is kept longer than promised"),
    }
)
