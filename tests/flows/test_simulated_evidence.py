"""Attacks: simulated rows that are dressed up as live ones promote nobody."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from data_contracts.decisions import Origin
from data_contracts.identifiers import PersonId, PolicyDigest, from_us
from flows.context import OpenedContext, opened
from flows.learning import rollback, sandbox, training
from flows.learning.gate_evidence import Trained, evidence_of, measured
from flows.learning.learning_report import audit_learning
from flows.learning.log_export import settled
from infra.database.audit import audit_log
from infra.database.decisions import decisions
from infra.database.people import people
from infra.database.policies import policies
from infra.settings import Settings
from models.logs.decision_log import write
from models.logs.logged_decisions import DecisionLog
from models.policies import Uniform
from models.promotion.gate import PROMOTE, ShadowComparison, gate
from models.simulation.simulated_log import simulated_log
from oo.cli import app
from tests.models.test_gate import GOOD

CHALLENGER, INCUMBENT = PolicyDigest("c" * 64), PolicyDigest("unregistered:uniform")


def test_rows_that_are_relabelled_as_live_count_as_nothing(context: OpenedContext) -> None:
    """A decision is of the origin that its record says: relabelled, it is no evidence, no reward and no lesson."""
    lived = list(simulated_log(Uniform(), seed=1, count=80, population=2))
    with context.database.unit_of_work() as uow:
        for number in range(2):
            people.create(uow, person=PersonId(f"simulated-{number}"), name=f"{number}", zone="UTC", created_us=1)
        rows = [sandbox._row(each) for each in lived]
        decisions.add_lived(uow, [row._replace(origin=Origin.LIVE.value) for row in rows])
        uow.commit()
    assert len(list(settled(context.database, origin=Origin.SIMULATED))) == 0  # the row and the record must agree
    assert list(settled(context.database, origin=Origin.LIVE, unsettled=True)) == []
    assert rollback.rewards_of(context, INCUMBENT, 0).size == 0
    assert list(training._settled(context, from_us(lived[-1].decision.at_us + 1))) == []
    shadow = ShadowComparison(CHALLENGER, INCUMBENT, Origin.LIVE, 900, 0.9, 0.1)
    evidence = evidence_of(context.database, Uniform(), shadow, Trained(0, 0))
    assert gate(evidence).failing == "too_few_rows"
    assert gate(evidence, trial=True).failing == "false_propensities"
    assert audit_learning(context)["power"]["rows"] == 0


@pytest.mark.parametrize("relabelled", [0, 59])
def test_one_simulated_row_makes_a_log_simulated(tmp_path: Path, relabelled: int) -> None:
    """A log in which all rows but one were relabelled is refused by the gate, whatever its numbers."""
    rows = [
        replace(row, decision=replace(row.decision, origin=Origin.SIMULATED if n == relabelled else Origin.LIVE))
        for n, row in enumerate(simulated_log(Uniform(), seed=1, count=60))
    ]
    write(tmp_path / "mixed.parquet", rows)
    shadow = ShadowComparison(CHALLENGER, INCUMBENT, Origin.LIVE, 900, 0.9, 0.1)
    evidence = measured(DecisionLog(tmp_path / "mixed.parquet"), Uniform(), shadow)
    assert evidence.origin == "simulated"
    dressed = replace(GOOD, origin=evidence.origin)
    assert gate(dressed).failing == "simulated"
    assert gate(dressed, trial=True).failing == "simulated"


def test_a_forged_file_is_answered_and_changes_nothing(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`oo gate` and `oo evaluate` say what files say; no file is evidence, so nothing is asked, kept or promoted."""
    monkeypatch.setenv("OO_HOME", str(home))
    (tmp_path / "forged.json").write_text(json.dumps(asdict(GOOD)))
    write(tmp_path / "log.parquet", simulated_log(Uniform(), seed=1, count=60))
    relabelled = pl.read_parquet(tmp_path / "log.parquet").with_columns(origin=pl.lit(Origin.LIVE.value))
    relabelled.write_parquet(tmp_path / "relabelled.parquet")
    asked = CliRunner().invoke(app, ["gate", "--evidence", str(tmp_path / "forged.json"), "--json"])
    assert json.loads(asked.stdout)["verdict"] == PROMOTE
    words = ["evaluate", "--log", str(tmp_path / "relabelled.parquet"), "--policy", "uniform"]
    assert CliRunner().invoke(app, words).exit_code == 0
    with opened(Settings(home=home)) as context:
        context.database.migrate()
        with context.database.read() as session:
            assert (policies.champion(session).digest, audit_log.newest(session)) == (None, [])
