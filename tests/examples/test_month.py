"""On whatever day it is shifted to, the example month has what a demonstration needs, and nothing in it is refused."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from data_contracts.events.codec import Event, kind
from data_contracts.events.oo.events.v1 import signals_pb2
from data_contracts.identifiers import PersonId, SubjectKey, from_us, to_us
from examples.month import ANCHOR, HERE, ZONE, busy_at, free_at, shift_month
from infra.connectors.connector import Refused
from infra.connectors.import_files import read_files, titles_of
from tests.infra.connectors.conftest import Keys

WEEK = [date(2026, 11, 22) + timedelta(days=day) for day in range(7)]
CLOCK_CHANGES = [date(2027, 3, 28), date(2027, 3, 29), date(2027, 10, 31), date(2028, 2, 29)]


class Month(NamedTuple):
    """A shifted month as events and words."""

    today: date
    events: list[Event]
    words: dict[SubjectKey, str]
    refused: list[Refused]

    def of(self, wanted: str) -> Iterator[Event]:
        """Return the events of one kind."""
        return (event for event in self.events if kind(event) == wanted)

    def busy(self, at: datetime) -> list[str]:
        """Return the words of what keeps the person busy at an instant."""
        found = (event.event_scheduled for event in self.of("event_scheduled"))
        return [
            self.words[SubjectKey(one.event)] for one in found if one.busy and one.start_us <= to_us(at) < one.end_us
        ]


@pytest.fixture(params=[*WEEK, *CLOCK_CHANGES], ids=str)
def month(request: pytest.FixtureRequest, tmp_path: Path, person: PersonId) -> Month:
    """Shift the month to one day and read it as the ingest flow does."""
    today: date = request.param
    paths, now = shift_month(tmp_path / "month", today), free_at(today)
    batches = list(read_files(paths, person=person, vault=Keys(), zone=ZONE, now=now))
    words = titles_of(paths, person=person, vault=Keys(), zone=ZONE, now=now)
    events = [row.event for batch in batches for row in batch.parsed]
    return Month(today, events, dict(words.by_subject), [row for batch in batches for row in batch.refused])


def test_every_row_of_the_month_is_sound(month: Month) -> None:
    """The first thing that a stranger imports has no fault."""
    assert month.refused == []
    assert len(month.events) > 600


def test_today_has_a_meeting_in_the_morning_a_gap_and_a_later_meeting(month: Month) -> None:
    """There is an instant to speak and an instant to stay silent on each day of the week."""
    free = free_at(month.today)
    assert month.busy(free.replace(hour=9, minute=35)) != []
    assert all(month.busy(free + timedelta(minutes=minute)) == [] for minute in range(50))
    assert month.busy(busy_at(month.today)) != []


def test_today_the_quarterly_report_is_due_and_something_is_overdue(month: Month) -> None:
    """Tasks move by whole days."""
    now = to_us(free_at(month.today))
    opened = [
        event.task_changed
        for event in month.of("task_changed")
        if event.task_changed.state == signals_pb2.TASK_STATE_OPEN and event.task_changed.HasField("due_us")
    ]
    due_today = [
        month.words[SubjectKey(task.task)]
        for task in opened
        if from_us(task.due_us).astimezone(ZONE).date() == month.today
    ]
    assert "Quarterly report" in due_today
    assert sum(task.due_us < now for task in opened) >= 4


def test_this_morning_has_a_mood_report_and_a_fresh_context(month: Month) -> None:
    """Neither source is stale at the free instant."""
    now = to_us(free_at(month.today))
    mood = max(event.at_us for event in month.of("mood_reported"))
    context = max(event.at_us for event in month.of("context_observed"))
    assert 0 < now - mood < 4 * 3_600_000_000
    assert 0 < now - context < 3_600_000_000


def test_a_streak_of_reading_ends_at_midnight(month: Month) -> None:
    """Reading was logged every evening, and not yet today."""
    days = {
        from_us(event.at_us).astimezone(ZONE).date()
        for event in month.of("habit_logged")
        if month.words[SubjectKey(event.habit_logged.habit)] == "Read"
    }
    assert month.today not in days
    assert {month.today - timedelta(days=day) for day in range(1, 8)} <= days


def test_the_calendar_is_fresh_and_nothing_lies_in_the_future(month: Month) -> None:
    """What was not known yet is not in the month."""
    now = to_us(free_at(month.today))
    assert max(event.at_us for event in month.events) <= now
    assert now - max(event.at_us for event in month.of("event_scheduled")) < 7 * 86_400_000_000


def test_unshifted_dates_are_the_files_as_they_are(tmp_path: Path) -> None:
    """Shifting by nothing changes no byte."""
    end = free_at(ANCHOR) + timedelta(days=30)
    for path in shift_month(tmp_path, ANCHOR, until=end):
        assert path.read_bytes() == (HERE / path.name).read_bytes()


def test_the_whole_month_is_small() -> None:
    """The examples stay a few pages."""
    assert sum(path.stat().st_size for path in HERE.iterdir() if path.is_file()) < 120_000
