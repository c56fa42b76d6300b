"""Laws of the learning reports: computed by a flow, read by the API, honest where there is little."""

import json
from pathlib import Path

import pytest

from data_contracts.decisions import Origin
from flows.context import OpenedContext, opened
from flows.learning.learning_report import NO_PERSON_POSTERIOR, audit_learning
from flows.learning.sandbox import Sandbox, begin, live
from flows.learning.training import open_registry
from infra.database.policies import learning_reports
from infra.settings import Settings
from models.estimators.evaluation import TOO_LITTLE


def test_an_empty_home_is_audited_as_not_enough_evidence(context: OpenedContext) -> None:
    """Without champion and decisions every verdict says that nothing can be said, and the report is kept."""
    found = audit_learning(context)
    assert found["champion"] is None
    assert [found[name]["verdict"] for name in ("personalisation", "control", "holdout", "power")] == [
        NO_PERSON_POSTERIOR,
        TOO_LITTLE,
        TOO_LITTLE,
        TOO_LITTLE,
    ]
    assert found["power"]["reason"] == "nothing was decided in 28 days"
    with context.database.read() as session:
        report = learning_reports.newest(session)
    assert report is not None
    assert report.body == json.loads(json.dumps(found, allow_nan=False))


def test_a_control_against_itself_differs_by_nothing(home: Path) -> None:
    """In a sandbox under the uniform control the difference to it is 0, and the holdout has its share."""
    with opened(Settings(home=home)) as context:
        context.database.migrate()
        begin(context, open_registry(context), Sandbox(people=10, seed=2))
        live(context, days=4)
        found = audit_learning(context)
    assert found["evidence"] == Origin.SIMULATED.value
    assert found["control"]["difference"] == pytest.approx(0.0, abs=0.02)
    assert found["control"]["low"] <= 0.0 <= found["control"]["high"]
    assert found["holdout"]["units"]["train"] + found["holdout"]["units"]["hold out"] in range(40, 60)
    assert found["power"]["rows"] == 320
    assert found["power"]["verdict"] == TOO_LITTLE
    pace = found["power"]["rows_a_day"]  # 80 when the four days begin at midnight, 64 when they touch five
    assert pace in (64.0, 80.0)
    assert found["power"]["reason"].startswith(f"with 10 people at {pace} decisions a day it takes ")
    assert found["power"]["reason"].endswith(f" {int(-(-9344 // pace))} days for +0.05")
