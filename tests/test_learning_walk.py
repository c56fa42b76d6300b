"""The walk of docs/learning.md, taken."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from data_contracts.errors import Malformed
from models.decision_log import described
from models.demotion import Demote, judge
from models.power import table
from oo.cli import app
from tests.models.test_evaluation import some_rows
from tests.source_tree import CHECKOUT

PAGE = CHECKOUT / "docs" / "learning.md"
EXAMPLES = CHECKOUT / "examples"


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OO_HOME", str(home))


def run(*words: str, code: int = 0) -> dict[str, object]:
    """Run a command and return its JSON."""
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_the_page_prints_the_schema_and_the_power_table_of_the_code() -> None:
    """The page prints the schema and the power table of the code."""
    text = PAGE.read_text(encoding="utf-8")
    assert described() in text
    for need in table():
        assert f"{need.days:,} days" in text


def test_the_walk_through_the_lab(tmp_path: Path) -> None:
    """Evaluate a sample, simulate, see a challenger refused with its number, a better one pass, a turn noticed."""
    sample = tmp_path / "sample.csv"
    header = ("", "timestamp", "item_id", "position", "click", "propensity_score", "user_feature_0")
    with sample.open("w", newline="") as file:
        csv.writer(file).writerows([header, *some_rows()])
    report = tmp_path / "report.html"
    told = run("evaluate", "--log", str(sample), "--format", "obd", "--policy", "uniform", "--report", str(report))
    assert told["verdict"] == "no difference shown"
    assert "<svg" in report.read_text(encoding="utf-8") or "vega" in report.read_text(encoding="utf-8")

    turning = str(EXAMPLES / "scenarios" / "turning.yaml")
    world = run("simulate", "--scenario", turning, "--policies", "linear_thompson,uniform", "--people", "60")
    assert world["origin"] == "simulated"
    policies = world["policies"]
    assert isinstance(policies, list)
    thompson = policies[0]["reward_by_day"]

    refused = run("gate", "--evidence", str(EXAMPLES / "evidence" / "not_better.json"), code=1)
    assert (refused["failing"], refused["value"]) == ("no_better_value", -0.03)
    assert run("gate", "--evidence", str(EXAMPLES / "evidence" / "better.json"))["verdict"] == "promote"

    after = float(np.mean(thompson[15:18]))
    assert after < float(np.mean(thompson[10:15]))
    promised = float(np.mean(thompson[5:15]))
    lived = (np.random.default_rng(1).random(2_000) < after).astype(float)
    assert isinstance(judge(lived, promised), Demote)


def test_an_empty_home_exports_an_empty_log(tmp_path: Path) -> None:
    """An empty home exports a log without rows, in both layouts, and an evaluation of it is refused."""
    log = tmp_path / "log.parquet"
    assert run("log", "export", str(log))["rows"] == 0
    assert run("log", "export", str(tmp_path / "obd"), "--format", "obd")["rows"] == 0
    done = CliRunner().invoke(app, ["evaluate", "--log", str(log), "--policy", "uniform"])
    assert isinstance(done.exception, Malformed)
