"""The worker: registers the deployments with the Prefect server, asks for due runs, and executes them.

It needs a running Prefect server, named by `PREFECT_API_URL`, and never starts one of its own. Each run is a process.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from prefect import serve as serve_deployments
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.deployments.runner import RunnerDeployment
from prefect.states import Scheduled

from flows.schedule.deployments import DEPLOYMENTS, Deployed
from flows.schedule.timekeeper import TICK_S, Timekeeper
from infra.clock import Clock, system_clock
from infra.health import Health

RUNS_AT_ONCE = 2  # on a box of two cores, beside the api


def serve(
    table: Mapping[str, Deployed] = DEPLOYMENTS,
    *,
    clock: Clock = system_clock,
    tick_s: float = TICK_S,
    poll_s: float = 10.0,
    health: Health | None = None,
) -> None:
    """Register the deployments and run what is due, until a signal ends the process; `health` gets a ping."""
    deployments = [_runner_deployment(name, deployed) for name, deployed in table.items()]
    identifiers = {deployment.name: deployment.apply() for deployment in deployments}
    with get_client(sync_client=True) as client:
        timekeeper = Timekeeper(table, ServerRuns(client, identifiers), clock, tick_s)
        if health is not None:
            health.register("timekeeper", timekeeper.ping, vital=False)
        with timekeeper:
            serve_deployments(*deployments, limit=RUNS_AT_ONCE, print_starting_message=False, query_seconds=poll_s)


class ServerRuns:
    """Runs on the Prefect server."""

    def __init__(self, client: SyncPrefectClient, identifiers: Mapping[str, Any]) -> None:
        self._client = client
        self._identifiers = identifiers

    def ask(self, name: str, due: datetime, key: str) -> None:
        """Ask for one run; the server takes a second one under the same key for the first."""
        self._client.create_flow_run_from_deployment(
            self._identifiers[name], state=Scheduled(scheduled_time=due), idempotency_key=key
        )


def _runner_deployment(name: str, deployed: Deployed) -> RunnerDeployment:
    """Return a deployment made of the table alone; without a schema of its parameters, which the run checks itself.

    `from_entrypoint` would import every flow, with its vendors, into the process that only waits.
    """
    return RunnerDeployment(
        name=name,
        flow_name=name,
        entrypoint=deployed.entrypoint,
        parameters=dict(deployed.parameters),
        enforce_parameter_schema=False,
        description=deployed.why,
        concurrency_limit=1,
    )
