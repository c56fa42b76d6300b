"""Attacks: simulated rows that are dressed up as live ones promote nobody."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from data_contracts.decisions import Origin
from data_contracts.errors import PromotionRefused
from data_contracts.identifiers import PolicyDigest
from flows.auditing import audit_learning
from flows.experimenting import begin as begin_experiment
from flows.gate_evidence import measured
from flows.parts import opened
from flows.promoting import compare, promote
from flows.rehearsing import Rehearsal, begin, live
from flows.retraining import open_registry, retrain
from infra.database import audit, policies
from infra.database.tables import DecisionRow
from infra.settings import Settings
from models.decision_log import write
from models.gate import PROMOTE, gate
from models.logged_decisions import DecisionLog
from models.policies import Uniform
from models.promotion import ShadowComparison
from models.simulation.simulated_log import simulated_log
from oo.cli import app
from tests.models.test_gate import GOOD


def test_a_rehearsal_whose_rows_are_relabelled_as_live_counts_as_nothing(home: Path) -> None:
    """Without its mark and with every row relabelled, nothing is learned from it, tried or promoted on its evidence."""
    with opened(Settings(home=home)) as parts:
        parts.database.migrate()
        begin(parts, open_registry(parts), Rehearsal(people=4, seed=4))
        live(parts, days=3)
    with opened(Settings(home=home)) as parts:
        challenger = retrain(parts, open_registry(parts), parts.clock()).digest
        live(parts, days=2)
    with opened(Settings(home=home)) as parts:
        assert compare(parts)[1] == 1
    Settings(home=home).rehearsal.unlink()
    with opened(Settings(home=home)) as parts:
        registry = open_registry(parts)
        with parts.database.unit_of_work() as uow:
            uow.session.execute(update(DecisionRow).values(origin=Origin.LIVE.value))
            uow.commit()
        assert parts.settings.evidence is Origin.LIVE
        with pytest.raises(PromotionRefused, match="too few rows: 0"):
            promote(parts, registry, challenger, actor="attacker")
        with pytest.raises(PromotionRefused, match="false_propensities"):
            begin_experiment(parts, registry, challenger, share=0.5, days=9, actor="attacker")
        assert audit_learning(parts)["power"]["rows"] == 0
        with parts.database.read() as session:
            assert policies.champion(session).digest != challenger


@pytest.mark.parametrize("relabelled", [0, 59])
def test_one_simulated_row_makes_a_log_simulated(tmp_path: Path, relabelled: int) -> None:
    """A log in which all rows but one were relabelled is refused by the gate, whatever its numbers."""
    rows = [
        replace(row, decision=replace(row.decision, origin=Origin.SIMULATED if n == relabelled else Origin.LIVE))
        for n, row in enumerate(simulated_log(Uniform(), seed=1, count=60))
    ]
    write(tmp_path / "mixed.parquet", rows)
    of = PolicyDigest("c" * 64), PolicyDigest("i" * 64)
    evidence = measured(
        DecisionLog(tmp_path / "mixed.parquet"), Uniform(), ShadowComparison(*of, Origin.LIVE, 900, 0.9, 0.1)
    )
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
    with opened(Settings(home=home)) as parts:
        parts.database.migrate()
        with parts.database.read() as session:
            assert (policies.champion(session).digest, audit.newest(session)) == (None, [])
