import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main, runner
from benchmarks.result import Result, complaint, record, recorded_ratio, verdicts

RESULT = Result("made_up", ours=1, peer=10, unit="s", ratio=10, target=5, equal=True)


@pytest.mark.parametrize(("ratio", "fails"), [(12, False), (8, False), (7.9, True)])
def test_a_run_fails_when_it_is_worse_than_the_recorded_by_a_fifth(ratio: float, fails: bool) -> None:
    """The bound is the recorded ratio, not the target."""
    assert (complaint(replace(RESULT, ratio=ratio), recorded=10) is not None) is fails


def test_a_first_run_has_nothing_to_be_worse_than() -> None:
    """Only different answers can fail it."""
    assert complaint(RESULT, recorded=None) is None
    assert complaint(replace(RESULT, equal=False), recorded=None) is not None


def test_a_measurement_that_cannot_be_trusted_fails() -> None:
    """A generator that lagged, for example, leaves no number."""
    assert complaint(replace(RESULT, valid=False), recorded=None) is not None


def test_every_target_is_said_to_be_hit_or_missed() -> None:
    """Of the ratio, of what stands in its place, and of the parts that have one; a miss does not fail a run."""
    assert verdicts(RESULT) == "target 5 hit at 10"
    assert verdicts(replace(RESULT, reached=4)) == "target 5 MISSED at 4"
    parts = replace(RESULT, notes={"people_100": {"ratio": 99.0, "target": 100}, "rows": 7, "other": {"ratio": 1}})
    assert verdicts(parts) == "target 5 hit at 10, target of people_100 100 MISSED at 99"
    assert complaint(parts, recorded=None) is None


def test_a_recorded_run_says_where_and_of_what_it_was(tmp_path: Path) -> None:
    """The file has the fields that the bench table reads."""
    path = record(RESULT, tmp_path)
    content = json.loads(path.read_text())
    assert {"name", "ours", "peer", "ratio", "target", "equal", "machine", "commit"} <= content.keys()
    assert recorded_ratio("made_up", tmp_path) == 10


def test_an_unknown_benchmark_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that runs nothing is refused, also when it is a module of the folder."""
    assert main(["nothing_of_that_name"]) == 2
    assert main(["lives"]) == 2
    assert "lives" in capsys.readouterr().err


def test_a_benchmark_is_what_exposes_run() -> None:
    """The runner finds it by its annotation."""
    assert runner("batch_fold") is not None
