import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts.durations import DAY_US
from data_contracts.errors import Malformed
from data_contracts.events.codec import Event, Sequenced
from data_contracts.features import Source
from data_contracts.identifiers import PersonId
from data_contracts.served import ServedTasks
from feature_repo.history.batch import build_history
from feature_repo.history.compaction import compact
from feature_repo.history.served_rows import PERSON, History, HistoryRow
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import WorkingState, known_us
from feature_repo.state.served_row import served_view
from tests.feature_repo.lives import BASE_US, events

KEYS = (PERSON, "event_timestamp", "created_timestamp")


def row(person: str, number: int) -> HistoryRow:
    """Return the history row `number` of a person."""
    return HistoryRow(person, Source.TASKS, number, number, ServedTasks(number, due_us=(1, 2), due_keys=("a", "b")))


def streamed(life: list[Sequenced]) -> dict[tuple[Source, int], HistoryRow]:
    """Return what a stream appends event by event, the last row of each view and instant."""
    state, as_of_us = WorkingState(), 0
    rows: dict[tuple[Source, int], HistoryRow] = {}
    for sequence, event in life:
        as_of_us = max(as_of_us, known_us(event))
        for change in state.apply(event):
            source = change.source
            part = served_view(state, source, as_of_us)
            rows[source, as_of_us] = HistoryRow(event.person, source, as_of_us, sequence, part)
    return rows


@given(life=events(), rng=st.randoms(use_true_random=False))
def test_the_batch_makes_the_rows_that_the_stream_makes(life: list[Event], rng: random.Random) -> None:
    """Every view at every instant is the same, whether folded on arrival or all at once from a shuffled log."""
    arrived = [Sequenced(number, event) for number, event in enumerate(sorted(life, key=known_us), start=1)]
    shuffled = rng.sample(arrived, k=len(arrived))
    batch = {(made.source, made.event_us): made.part for made in build_history(shuffled)}
    stream = {key: made.part for key, made in streamed(arrived).items()}
    moved = {key: part for key, part in batch.items() if key not in stream}
    assert {key: part for key, part in batch.items() if key in stream} == stream
    for (source, at_us), part in moved.items():
        known = fold(event for event in life if known_us(event) <= at_us)
        assert (source, part) == (Source.CALENDAR, served_view(known, source, at_us))


def test_a_calendar_moves_on_while_nothing_is_said(person: PersonId) -> None:
    """What lies ten days ahead comes into the window three days later, without a new fact."""
    event = Event(id="e", person=person, at_us=BASE_US, received_us=BASE_US)
    body = event.event_scheduled
    body.event, body.busy, body.start_us, body.end_us = "v", True, BASE_US + 10 * DAY_US, BASE_US + 11 * DAY_US
    rows = list(build_history([Sequenced(1, event)], until_us=BASE_US + 30 * DAY_US))
    assert [(row.event_us - BASE_US, row.part[1]) for row in rows] == [(0, ()), (3 * DAY_US, (body.start_us,))]


def test_what_was_appended_is_read_back(home: Path, person: PersonId) -> None:
    """Times, numbers and lists come back exactly."""
    history = History(home / "history")
    history.append([row(person, 1), row(person, 2)])
    read = history.read("tasks", persons=[person]).sort("event_timestamp")
    assert read["last_us"].to_list() == [1, 2]
    assert read.select(pl.col("event_timestamp", "created_timestamp").to_physical()).rows() == [(1, 1), (2, 2)]
    assert read["due_keys"].to_list() == [["a", "b"]] * 2


def test_appending_the_same_rows_again_changes_nothing(home: Path, person: PersonId) -> None:
    """A part is named by its bytes."""
    history = History(home / "history")
    for _ in range(2):
        history.append([row(person, 1)])
    assert len(history.parts("tasks")) == 1


def test_an_empty_history_has_the_columns_of_the_view(home: Path) -> None:
    """Absence is an empty table, not an error."""
    assert History(home / "history").read("mood", ["person", "mood"]).columns == ["person", "mood"]


@pytest.mark.parametrize("kept", [0.0, 0.5, 1.0])
def test_a_torn_or_changed_part_is_named_and_not_read(home: Path, person: PersonId, kept: float) -> None:
    """A part that is not what was written stops the reader."""
    history = History(home / "history")
    history.append([row(person, 1)])
    (part,) = history.parts("tasks")
    whole = part.read_bytes()
    part.write_bytes(whole[: int(len(whole) * kept)] + b"?")
    with pytest.raises(Malformed, match=part.name):
        History(home / "history").read("tasks")


def test_a_forgotten_person_is_in_no_part_and_the_others_in_theirs(home: Path) -> None:
    """Forgetting rewrites what it must and keeps the rest."""
    history = History(home / "history")
    people = [f"person{number}" for number in range(200)]
    history.append(row(person, number) for number, person in enumerate(people, start=1))
    history.append([row(people[0], 999)])
    history.forget(people[0])
    assert sorted(history.read("tasks")[PERSON].to_list()) == sorted(people[1:])
    assert list((home / "history").glob("*/*/*.tmp")) == []


def test_compacting_keeps_every_row_once(home: Path, person: PersonId) -> None:
    """Many small parts become one with the same distinct rows."""
    history = History(home / "history")
    for number in range(1, 11):
        history.append([row(person, number)])
    history.append([row(person, 1), row(person, 11)])
    before = history.read("tasks").unique(subset=KEYS).sort(*KEYS)
    assert compact(history, many=2) == 11
    assert len(history.parts("tasks")) == 1
    assert history.read("tasks").equals(before)
    assert history.read("tasks").height == 11


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(life=events(max_size=20))
def test_history_survives_its_files(home: Path, life: list[Event]) -> None:
    """Any view can be written and read back."""
    history = History(home / "history")
    made = list(build_history(Sequenced(number, event) for number, event in enumerate(life, start=1)))
    history.append(made)
    for source in {one.source for one in made}:
        read = {
            tuple(value) for value in history.read(source.value).select(PERSON, pl.col(KEYS[1]).to_physical()).rows()
        }
        assert {(one.person, one.event_us) for one in made if one.source is source} <= read
