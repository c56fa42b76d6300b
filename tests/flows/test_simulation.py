import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from mlflow import MlflowClient
from typer.testing import CliRunner

from data_contracts.errors import Malformed
from oo.cli import app
from tests.source_tree import CHECKOUT

CALM = str(CHECKOUT / "examples" / "scenarios" / "calm.yaml")
SMALL = ("simulate", "--scenario", CALM, "--people", "4", "--days", "2", "--policies", "greedy,uniform")


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OO_HOME", str(home))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def run(*words: str) -> dict[str, Any]:
    """Run a command and return its JSON."""
    done = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run_as_flow(prefect_api: str) -> dict[str, Any]:
    """Run the command in a process of its own: Prefect reads its address once, when it is imported."""
    environment = {**os.environ, "PREFECT_API_URL": prefect_api}
    command = [sys.executable, "-m", "oo", *SMALL, "--json"]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_simulation_is_an_mlflow_run_and_a_prefect_artifact(home: Path, prefect_api: str) -> None:
    """With a Prefect server the command is a flow: same numbers, an MLflow run with plots, and an artifact."""
    plain = run(*SMALL, "--no-record")
    assert plain["mlflow_run"] is None
    assert not (home / "mlflow").exists()
    kept = run_as_flow(prefect_api)
    assert kept["policies"] == plain["policies"]

    client = MlflowClient(tracking_uri=f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    told = client.get_run(str(kept["mlflow_run"]))
    assert told.data.params["seed"] == "1"
    assert told.data.tags["origin"] == "simulated"
    policies = kept["policies"]
    assert told.data.metrics["greedy.reward"] == pytest.approx(policies[0]["reward"]["value"])
    days = client.get_metric_history(told.info.run_id, "greedy.reward_by_day")
    assert [day.value for day in days] == pytest.approx(policies[0]["reward_by_day"])
    assert {file.path for file in client.list_artifacts(told.info.run_id)} == {
        "outcome.json",
        "report.html",
        "days.svg",
    }
    asked = {"artifacts": {"key": {"any_": ["simulate-policies"]}}}
    (artifact,) = httpx.post(f"{prefect_api}/artifacts/filter", json=asked).raise_for_status().json()
    assert told.info.run_id in artifact["data"]
    assert f"{policies[0]['reward']['value']:.4f}" in artifact["data"]


def test_a_simulation_has_a_page_and_a_picture(tmp_path: Path) -> None:
    """The page says that it is no evidence, the picture is one."""
    for name, begins in (("s.html", "<!doctype"), ("s.svg", "<svg")):
        run(*SMALL, "--no-record", "--report", str(tmp_path / name))
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begins)
    assert "no evidence" in (tmp_path / "s.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--policies", "greedy,greedy"), "different names"),
        (("--policies", "oracle"), "different names"),
        (("--report", "/nowhere/at/all.html"), "no folder"),
        (("--report", "a.pdf"), "a report is a file"),
        (("--scenario", "/nowhere.yaml"), "cannot be read"),
    ],
)
def test_what_cannot_be_simulated_is_refused(words: tuple[str, ...], told: str) -> None:
    """What cannot be simulated is refused in one sentence, before anything is lived."""
    with pytest.raises(Malformed, match=told):
        run(*SMALL, "--no-record", *words)
