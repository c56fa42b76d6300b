"""The walk of docs/learning.md, taken."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from data_contracts.errors import Conflict, Malformed
from models.logs.decision_log import described
from models.promotion.gate import MIN_ROWS
from models.promotion.power import table
from oo.cli import app
from oo.processes.home_setup import make_ready
from oo.processes.up import Wishes
from oo.runtime import opened
from tests.source_tree import CHECKOUT

PAGE = CHECKOUT / "docs" / "learning.md"


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OO_HOME", str(home))


def run(*words: str, code: int = 0) -> Any:
    """Run a command and return its JSON."""
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_the_page_prints_the_schema_and_the_power_table_of_the_code() -> None:
    """The page prints the schema and the power table of the code."""
    text = PAGE.read_text(encoding="utf-8")
    assert described() in text
    for need in table():
        assert f"{need.days:,} days" in text


def walk() -> list[tuple[list[str], int]]:
    """Return the commands of the page's walk with their exit codes, as one types them."""
    blocks = re.findall(r"^```sh walk\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("oo ")]
    return [(shlex.split(line.partition("#")[0])[1:], int("# exit 1" in line)) for line in lines]


def test_the_walk_through_the_lab(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of the page do what it says: evaluated, refused by name, promoted by the gate, demoted by itself."""
    monkeypatch.chdir(CHECKOUT)
    told = [(words[0], run(*words, code=code)) for words, code in walk()]
    assert " ".join(command for command, _ in told) == (
        "evaluate simulate rehearse train promote rehearse train rehearse promote rehearse judge rehearse judge "
        "policies audit"
    )
    evaluated, world, control, early, refused, _, better, _, promoted, lived, kept, turned, judged, listed, audited = (
        found for _, found in told
    )
    assert evaluated["verdict"] == "no difference shown"
    days = world["policies"][0]["reward_by_day"]
    assert np.mean(days[15:18]) < np.mean(days[10:15])  # the world turns on day 15
    assert (control["policy"], control["decisions"]) == ("uniform", 480)
    assert refused["failing"] == "too_few_rows"
    assert 0 < refused["value"] < refused["bound"] == MIN_ROWS
    assert (better["live_rows"] > early["live_rows"], better["simulated_rows"]) == (True, 0)
    assert (promoted["digest"], promoted["revision"]) == (better["digest"], 2)
    assert promoted["reason"].startswith("the difference in value is at least +0.0")
    assert lived["policy"] == "linear_thompson"
    assert lived["reward"] > control["reward"]
    assert (kept["digest"], kept["demoted"]) == (better["digest"], None)
    assert kept["low"] > kept["reference"] > turned["reward"]
    demoted = judged["demoted"]
    assert (demoted["replaced"], demoted["digest"]) == (better["digest"], promoted["replaced"])
    assert demoted["reason"].startswith("demoted: mean live reward is in")
    assert {each["digest"]: each["stage"] for each in listed}[demoted["digest"]] == "champion"
    assert (audited["evidence"], audited["champion"]["digest"]) == ("simulated", demoted["digest"])
    assert audited["holdout"]["verdict"] == "as assigned"


def test_a_sandbox_reaches_nobody(home: Path) -> None:
    """Nothing serves a sandbox, and a home with a life refuses to become one."""
    (home / "rehearsal.json").write_text('{"people": 2, "seed": 1, "ahead_s": 0, "turned": false}')
    with pytest.raises(Conflict, match="is a sandbox"):
        make_ready(Wishes(0, "127.0.0.1", "me", nats=False))
    for words in (["serve", "api"], ["serve", "scorer"]):
        assert isinstance(CliRunner().invoke(app, words).exception, Conflict)
    (home / "rehearsal.json").unlink()
    with opened() as runtime:
        runtime.people.settle_in("me")
    done = CliRunner().invoke(app, ["rehearse"])
    assert isinstance(done.exception, Conflict)


def test_the_gate_of_the_page_names_its_numbers() -> None:
    """The example evidence is answered as the page says."""
    evidence = CHECKOUT / "examples" / "evidence"
    refused = run("gate", "--evidence", str(evidence / "not_better.json"), code=1)
    assert (refused["failing"], refused["value"]) == ("no_better_value", -0.03)
    assert run("gate", "--evidence", str(evidence / "better.json"))["verdict"] == "promote"


def test_an_empty_home_exports_an_empty_log(tmp_path: Path) -> None:
    """An empty home exports a log without rows, in both layouts, and an evaluation of it is refused."""
    log = tmp_path / "log.parquet"
    assert run("log", "export", str(log))["rows"] == 0
    assert run("log", "export", str(tmp_path / "obd"), "--format", "obd")["rows"] == 0
    done = CliRunner().invoke(app, ["evaluate", "--log", str(log), "--policy", "uniform"])
    assert isinstance(done.exception, Malformed)
