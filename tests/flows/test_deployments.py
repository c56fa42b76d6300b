"""The table of deployments, and one schedule that fires with nobody looking."""

import importlib
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from data_contracts.identifiers import PersonId, to_us
from flows.context import opened
from flows.schedule.deployments import DEPLOYMENTS
from infra.database.engine.database import Database
from infra.database.policies import policies
from infra.settings import Settings
from tests.flows import people
from tests.flows.conftest import PREFECT

SHORTENED = """
from datetime import timedelta
from flows.schedule.worker import serve
from flows.schedule.deployments import DEPLOYMENTS

often = DEPLOYMENTS["retrain_policy"]._replace(every=timedelta(minutes=1), parameters={"window_s": 2_000_000_000})
serve({"retrain_policy": often}, tick_s=1, poll_s=1)
"""
# where the flow was before `flows.runs`
OLD_ENTRYPOINT = "flows.retrain_policy.retrain_policy"
PATIENCE_S = 300
WANTED = 1


@pytest.mark.parametrize("name", sorted(DEPLOYMENTS))
def test_an_entrypoint_is_a_flow_with_a_limit(name: str) -> None:
    """Every row of the table names a flow of that name, which cannot outlast its window."""
    module, _, attribute = DEPLOYMENTS[name].entrypoint.rpartition(".")
    flow: Any = getattr(importlib.import_module(module), attribute)
    assert flow.name == attribute == name
    assert 0 < flow.timeout_seconds <= DEPLOYMENTS[name].every.total_seconds()


def found(api: str, what: str, **conditions: Any) -> list[dict[str, Any]]:
    """Return what the server knows of a kind, from every test of the session unless conditions say otherwise."""
    answer = httpx.post(f"{api}/{what}/filter", json={"limit": 100, **conditions}, timeout=30)
    return list(answer.raise_for_status().json())


def posted(api: str, kind: str, **body: Any) -> str:
    """Return the id of what the server made or knew already."""
    return str(httpx.post(f"{api}/{kind}", json=body, timeout=30).raise_for_status().json()["id"])


def left_by_an_older_worker(api: str) -> str:
    """Register the deployment as an older worker did; return its id."""
    flow = posted(api, "flows/", name="retrain_policy")
    parameters = {"window_s": 2_000_000_000}
    old = {"entrypoint": OLD_ENTRYPOINT, "path": ".", "parameters": parameters, "enforce_parameter_schema": False}
    return posted(api, "deployments/", name="retrain_policy", flow_id=flow, concurrency_limit=1, **old)


def ended(api: str, worker: "subprocess.Popen[bytes]") -> list[str]:
    """Return how the runs of the deployment ended, once there are enough of them or the patience is over."""
    deadline = time.monotonic() + PATIENCE_S
    deployed = {"name": {"any_": ["retrain_policy"]}}
    states: list[str] = []
    while len(states) < WANTED and time.monotonic() < deadline and worker.poll() is None:
        time.sleep(1)
        final = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        runs = found(api, "flow_runs", deployments=deployed)
        states = [run["state_type"] for run in runs if run["state_type"] in final]
    return states


@pytest.mark.processes
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_shortened_schedule_fires_unattended_and_registers_a_version(
    prefect_api: str, home: Path, database: Database, person: PersonId, now: datetime
) -> None:
    """Nobody starts a run: the worker does, and registry and database hold one policy, once for its window.

    The server still has the deployment of an older version, whose module is gone: at its start the worker registers the
    new entry point in place, and a run asks its deployment where its flow is.
    """
    with opened(Settings(home=home)):
        pass  # makes the home
    people.settle(database, person, now)
    people.append(database, [people.task(person, 1, to_us(now))])
    deployment = left_by_an_older_worker(prefect_api)
    environment = {**os.environ, **PREFECT, "PREFECT_API_URL": prefect_api, "OO_HOME": str(home)}
    environment["PREFECT_HOME"] = str(home / "prefect")
    with (home / "worker.log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-c", SHORTENED], env=environment, stdout=log, stderr=log)
    try:
        states = ended(prefect_api, worker)
    finally:
        worker.terminate()
        worker.wait(60)
    log_text = (home / "worker.log").read_text()
    assert states == ["COMPLETED"] * len(states), log_text[-4_000:]
    assert len(states) >= WANTED, log_text[-4_000:]
    (registered,) = found(prefect_api, "deployments", deployments={"name": {"any_": ["retrain_policy"]}})
    assert (registered["id"], registered["entrypoint"]) == (deployment, DEPLOYMENTS["retrain_policy"].entrypoint)
    with database.read() as session:
        (policy,) = policies.list_all(session)
    assert (policy.stage, policy.registry_version) == ("shadow", "1")
    artifacts = str(found(prefect_api, "artifacts"))
    assert policy.digest in artifacts
    assert person not in artifacts + log_text + str(found(prefect_api, "flow_runs"))
