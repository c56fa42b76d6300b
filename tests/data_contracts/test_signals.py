"""Laws of the signal reader."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.events.codec import KINDS, decode, encode, kind
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import to_us
from data_contracts.signals.kinds import RULES, SIGNALS, Refusal
from tests.data_contracts.reading import RECEIVED_AT, read, read_sound, signal, subject_key

TASK = {"task": "8213", "title": "quarterly report", "state": "open"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
TIMES = st.datetimes().map(lambda at: at.isoformat()) | st.sampled_from(
    [
        "2026-11-03T09:00[Europe]",
        "2026-11-03T09:00[../x]",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59[Asia/Tokyo]",
        "[UTC]",
    ]
)
NAMES = sorted({field.name for contract in SIGNALS.values() for field in contract.fields})
SIGNAL_LIKE = st.fixed_dictionaries(
    {},
    optional={
        "id": st.from_regex(r"[a-z]{1,5}", fullmatch=True) | JSON,
        "kind": st.sampled_from(sorted(SIGNALS)) | JSON,
        "at": st.just("2026-11-03T09:00:00Z") | TIMES | JSON,
        "source": st.just("phone") | JSON,
        "data": st.dictionaries(st.sampled_from(NAMES), JSON | TIMES | st.integers(1, 4) | st.just("open")) | JSON,
    },
)


@given(JSON | SIGNAL_LIKE)
def test_the_reader_raises_for_no_json_at_all(item: Any) -> None:
    """Whatever arrives is an event with a body or a refusal by a known rule."""
    result = read(item)
    if isinstance(result, Refusal):
        assert result.rule in RULES
    else:
        assert decode(encode(result[0])) == result[0]


@given(st.text(alphabet="01289-T:+Z[]/.EuropViena", max_size=40) | TIMES | st.text())
def test_no_time_breaks_the_reader(text: str) -> None:
    """A time is read or refused by a rule of times."""
    result = read(signal("mood_reported", {"mood": 3}, at=text))
    assert not isinstance(result, Refusal) or result.rule in RULES


def test_a_refusal_repeats_no_value_of_the_person() -> None:
    """The message of a refusal can be logged: neither values nor unknown names are in it."""
    for data in (
        {**TASK, "canary": 1},
        {**TASK, "state": "canary"},
        {**TASK, "due": "canary"},
        {**TASK, "priority": "canary"},
    ):
        result = read(signal("task_changed", data))
        assert isinstance(result, Refusal)
        assert "canary" not in result.message


def test_native_ids_and_titles_stay_out_of_the_event() -> None:
    """The event holds the keyed hash; the words come back apart."""
    event, texts = read_sound(signal("task_changed", TASK))
    assert event.task_changed.task == subject_key("task", "8213") == texts.subject
    assert texts.title == "quarterly report"
    assert b"8213" not in encode(event)
    assert b"report" not in encode(event)


def test_one_habit_in_two_spellings_is_one_subject() -> None:
    """Labels are hashed in canonical form and kept as they were written."""
    (first, first_texts), (second, second_texts) = (
        read_sound(signal("habit_logged", {"habit": name})) for name in ("Morning  run", " morning run")
    )
    assert first.habit_logged.habit == second.habit_logged.habit
    assert (first_texts.title, second_texts.title) == ("Morning  run", "morning run")


def test_defaults_are_those_of_the_table() -> None:
    """A task without priority has the lowest one, an event without a word takes time."""
    task, _ = read_sound(signal("task_changed", TASK))
    event, _ = read_sound(
        signal("event_scheduled", {"event": "e", "start": "2026-11-03T10:00Z", "end": "2026-11-03T10:00Z"})
    )
    assert task.task_changed.priority == 4
    assert not task.task_changed.HasField("due_us")
    assert event.event_scheduled.busy
    assert not event.event_scheduled.cancelled


def test_a_fact_is_never_after_the_moment_that_it_was_received() -> None:
    """A clock that runs a little ahead is taken back to now."""
    event, _ = read_sound(signal("mood_reported", {"mood": 3}, at="2026-11-03T12:04:00Z"))
    assert event.at_us == event.received_us == to_us(RECEIVED_AT)


@pytest.mark.parametrize("name", sorted(SIGNALS))
def test_the_table_and_the_event_schema_know_the_same_fields(name: str) -> None:
    """Every field of the message is filled by one field of the table, and the reverse."""
    columns = {field.column for field in SIGNALS[name].fields} - {None}
    assert columns == {field.name for field in KINDS[name].DESCRIPTOR.fields}


def test_every_signal_of_the_schema_is_in_the_table_and_needs_a_consent() -> None:
    """The messages of signals.proto are exactly the kinds of the table."""
    schema = {name for name, message in KINDS.items() if message.DESCRIPTOR.file.name.endswith("signals.proto")}
    assert schema == set(SIGNALS)
    assert {contract.source for contract in SIGNALS.values()} <= set(CONSENT_SIGNALS)


def test_false_is_kept_apart_from_not_said() -> None:
    """A focus mode that is off is a fact; an empty body still names its kind."""
    event, _ = read_sound(signal("context_observed", {"focus": False}))
    assert event.context_observed.HasField("focus")
    assert kind(event) == "context_observed"


def test_a_json_text_that_python_reads_as_nan_is_refused_by_name() -> None:
    """Python's reader accepts NaN and Infinity; the contract does not."""
    for word in ("NaN", "Infinity", "-Infinity"):
        result = read(signal("mood_reported", {"mood": json.loads(word)}))
        assert isinstance(result, Refusal)
        assert result.rule == "not_finite"
