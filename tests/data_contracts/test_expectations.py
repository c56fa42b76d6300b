"""Laws of the validation gate."""

import json
import subprocess
import sys
from typing import Any

import pytest

from data_contracts.errors import Malformed
from data_contracts.events.codec import KINDS, Event
from data_contracts.signals.kinds import RULES, SIGNALS
from data_contracts.validation.frames import signal_columns, signal_frames
from data_contracts.validation.gate import Failing, evaluate, validate_signals
from data_contracts.validation.suites import SIGNAL_CHECKS
from tests.data_contracts.reading import read_sound, signal

SOUND: dict[str, dict[str, Any]] = {
    "task_changed": {"task": "8213", "state": "open", "effort_min": 30},
    "event_scheduled": {"event": "e", "start": "2026-11-03T10:00Z", "end": "2026-11-03T11:00Z"},
    "habit_logged": {"habit": "run"},
    "mood_reported": {"mood": 3},
    "context_observed": {"place": "home"},
    "tasks_synced": {},
    "calendar_synced": {},
}


def event(kind: str) -> Event:
    """Return a sound event of a kind."""
    return read_sound(signal(kind, SOUND[kind]))[0]


@pytest.mark.parametrize("kind", sorted(SIGNALS))
def test_what_the_reader_accepts_the_gate_accepts(kind: str) -> None:
    """Both are made of the same table."""
    verdict = validate_signals(signal_frames([event(kind)] * 3)[kind], kind)
    assert (list(verdict.sound), verdict.failing) == ([0, 1, 2], [])


def test_broken_rows_are_named_and_the_sound_rest_goes_on() -> None:
    """Rows are positions in the batch, over all of its kinds."""
    batch = [event("task_changed") for _ in range(6)]
    batch.insert(2, event("mood_reported"))
    batch[1].task_changed.priority = 9
    batch[3].task_changed.task = "buy milk"
    batch[4].at_us = batch[4].received_us + 1
    batch[5].task_changed.state = 0  # type: ignore[assignment]  # what a broken connector could write
    verdict = validate_signals(signal_frames(batch)["task_changed"], "task_changed")
    assert list(verdict.sound) == [0, 6]
    assert verdict.failing == [
        Failing(1, "out_of_range", "priority"),
        Failing(3, "bad_subject", "task"),
        Failing(4, "future_event", "received_us"),
        Failing(5, "not_a_choice", "state"),
    ]


def test_an_event_that_ends_before_it_starts_is_named() -> None:
    """The order of two columns is a rule as well."""
    broken = event("event_scheduled")
    broken.event_scheduled.end_us = broken.event_scheduled.start_us - 1
    verdict = validate_signals(signal_frames([broken])["event_scheduled"], "event_scheduled")
    assert verdict.failing == [Failing(0, "ends_before_start", "end_us")]


def test_no_personal_value_is_in_any_result() -> None:
    """A canary in every kind of column fails its check and is in nothing that could be stored."""
    broken = event("task_changed")
    broken.id, broken.task_changed.task, broken.task_changed.priority = "canary id", "canary task", 777_777
    frame = signal_frames([broken])["task_changed"]
    results = evaluate(frame, SIGNAL_CHECKS["task_changed"], "canary-test")
    text = json.dumps(results)
    assert sum(not result["success"] for result in results) == 3
    assert "canary id" not in text
    assert "canary task" not in text
    assert "777777" not in text


def test_a_frame_without_its_columns_is_malformed() -> None:
    """A gate that checks nothing must not say that all is well."""
    frame = signal_frames([event("mood_reported")])["mood_reported"]
    with pytest.raises(Malformed, match="lacks the columns mood"):
        validate_signals(frame.drop(columns="mood"), "mood_reported")
    with pytest.raises(Malformed, match="no kind"):
        validate_signals(frame, "heart_rate")


def test_an_empty_frame_has_no_rows() -> None:
    """Nothing in, nothing out."""
    frame = signal_frames([event("mood_reported")])["mood_reported"]
    verdict = validate_signals(frame.iloc[:0], "mood_reported")
    assert (list(verdict.sound), verdict.failing) == ([], [])


def test_the_suites_cover_the_tables() -> None:
    """Every kind has a suite over known columns and rules."""
    assert set(SIGNAL_CHECKS) == set(KINDS)
    for kind, checks in SIGNAL_CHECKS.items():
        assert {check.rule for check in checks} <= set(RULES)
        assert {check.column for check in checks} <= set(signal_columns(kind))


def test_the_vendor_is_loaded_by_the_first_validation_only() -> None:
    """Importing the gate must not cost eight seconds."""
    code = "import sys, data_contracts.validation.gate; print('great_expectations' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
