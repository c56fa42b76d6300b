"""The one table of deployments, and the worker that serves it: `oo serve worker`.

The worker needs a running Prefect server, named by `PREFECT_API_URL`; it never starts one of its own. Entrypoints are
modules, never paths. Schedules may fire twice or late: every flow works on the state or on a logical window.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RUNS_AT_ONCE = 2  # on a box of two cores, beside the api


class Deployed(NamedTuple):
    """One scheduled flow: where it is, and how often it runs."""

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
        "promote_policy": Deployed("flows.promote_policy.promote_policy", 6 * HOUR, "challengers see new decisions"),
        "expire_data": Deployed("flows.expire_data.expire_data", DAY, "nothing is kept longer than promised"),
    }
)


def serve(table: Mapping[str, Deployed] = DEPLOYMENTS, *, poll_s: float = 10.0) -> None:
    """Register the deployments with the Prefect server and run what is due, until a signal ends the process."""
    from prefect import serve as serve_deployments  # noqa: PLC0415 - only the worker pays for prefect

    serve_deployments(
        *_runner_deployments(table.items()), limit=RUNS_AT_ONCE, print_starting_message=False, query_seconds=poll_s
    )


def _runner_deployments(table: Iterable[tuple[str, Deployed]]) -> list[Any]:
    from prefect.deployments.runner import RunnerDeployment  # noqa: PLC0415 - as above

    return [
        RunnerDeployment.from_entrypoint(
            deployed.entrypoint,
            name=name,
            interval=deployed.every,
            parameters=dict(deployed.parameters),
            description=deployed.why,
            concurrency_limit=1,
        )
        for name, deployed in table
    ]
