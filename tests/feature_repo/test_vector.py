from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.durations import DAY_S, DAY_US, HOUR_US, MINUTE_US
from data_contracts.events.codec import Event
from data_contracts.features import FEATURES, POSITION, TOP, Source
from data_contracts.identifiers import to_us
from data_contracts.served import (
    ServedCalendar,
    ServedContext,
    ServedHabits,
    ServedMood,
    ServedRow,
    ServedTasks,
    ServedTips,
)
from feature_repo.state.batch_fold import fold
from feature_repo.state.served_row import served_row
from feature_repo.vector.kernel import ALL_CONSENTS, HIGH, LOW, ContextVector, context_vector
from tests.feature_repo.lives import BASE_US, events, task

BERLIN = ZoneInfo("Europe/Berlin")
SANTIAGO = ZoneInfo("America/Santiago")
NOON = datetime(2026, 3, 11, 12, tzinfo=BERLIN)  # a Wednesday
NOON_US = to_us(NOON)
SOURCES_OF_FEATURES = np.array([list(Source).index(feature.source) for feature in FEATURES])


def vector(row: ServedRow, now_us: int = NOON_US, zone: ZoneInfo = BERLIN, mask: int = ALL_CONSENTS) -> ContextVector:
    """Return the vector at noon in Berlin unless told otherwise."""
    return context_vector(row, now_us, zone, mask, quiet_start_min=1_320, quiet_end_min=480)


def read(seen: ContextVector, *names: str) -> list[float | None]:
    """Return the named values, None where masked."""
    return [None if seen.masked[POSITION[name]] else round(float(seen.values[POSITION[name]]), 6) for name in names]


@given(
    life=events(),
    hours=st.integers(-24 * 10, 24 * 120),
    mask=st.integers(0, ALL_CONSENTS),
    zone=st.sampled_from([BERLIN, SANTIAGO, ZoneInfo("Asia/Kathmandu")]),
)
def test_every_value_is_in_range_or_masked_as_zero(life: list[Event], hours: int, mask: int, zone: ZoneInfo) -> None:
    """A vector is finite, in the table's ranges, and says nothing about a source without consent."""
    seen = vector(served_row(fold(life), BASE_US), BASE_US + hours * HOUR_US, zone, mask)
    assert np.all(np.where(seen.masked, seen.values == 0, (seen.values >= LOW) & (seen.values <= HIGH)))
    withheld = (mask >> SOURCES_OF_FEATURES & 1 == 0) & (list(Source).index(Source.CLOCK) > SOURCES_OF_FEATURES)
    assert np.all(seen.masked[withheld])
    assert np.all(seen.ages_s[withheld] == -1)


def test_the_vector_has_the_order_and_length_of_the_feature_table() -> None:
    """The contract's table is the only order there is."""
    seen = vector(ServedRow())
    assert [array.shape for array in seen[:3]] == [(len(FEATURES),)] * 3


def test_a_new_person_has_no_facts_but_knows_of_no_tips() -> None:
    """Without any fact a source is masked; never having seen a tip is a fact."""
    seen = vector(ServedRow())
    open_sources = {feature.source for feature, masked in zip(FEATURES, seen.masked, strict=True) if not masked}
    assert open_sources == {Source.TIPS, Source.CLOCK}
    assert read(seen, "tips_shown_24h", "done_share_30d", "hours_since_tip") == [0, 0.5, 168]


def test_a_stale_source_is_masked_and_named() -> None:
    """Beyond its freshness a source is masked as a whole, and its bit says why."""
    row = ServedRow(mood=ServedMood(NOON_US - 4 * DAY_US, (NOON_US - 4 * DAY_US,), (3,), (3,)))
    seen = vector(row)
    assert read(seen, "mood_last") == [None]
    assert seen.stale_mask == 1 << list(Source).index(Source.MOOD)
    assert seen.ages_s[POSITION["mood_last"]] == 4 * DAY_S


def test_due_tasks_are_counted_by_the_local_day() -> None:
    """Overdue, today until local midnight inclusive, and tomorrow are told apart."""
    midnight_us = to_us(datetime(2026, 3, 12, tzinfo=BERLIN))
    due = (NOON_US - 1, NOON_US + HOUR_US, midnight_us, midnight_us + 1)
    row = ServedRow(tasks=ServedTasks(NOON_US, 4, 1, NOON_US - 3 * DAY_US, due, ("a", "b", "c", "d")))
    names = ("tasks_overdue", "tasks_due_today", "tasks_due_2h", "minutes_to_next_due", "oldest_open_days")
    assert read(vector(row), *names) == [1, 2, 1, 60, 3]


def test_completions_give_momentum() -> None:
    """Completions of the last day and week are counted, later ones are not."""
    done = (NOON_US + 1, NOON_US, NOON_US - DAY_US + 1, NOON_US - DAY_US, NOON_US - 7 * DAY_US)
    row = ServedRow(tasks=ServedTasks(NOON_US, done_us=done, done_keys=tuple("abcde")))
    assert read(vector(row), "tasks_done_24h", "tasks_done_7d", "minutes_to_next_due") == [2, 3, 10_080]


def test_the_calendar_before_during_and_after_an_event() -> None:
    """An event holds from its start until just before its end."""
    row = ServedRow(
        calendar=ServedCalendar(NOON_US, (NOON_US, NOON_US + 3 * HOUR_US), (NOON_US + HOUR_US, NOON_US + 4 * HOUR_US))
    )
    names = ("in_event", "free_gap_min", "minutes_since_event")
    assert read(vector(row, NOON_US - MINUTE_US), *names) == [0, 1, 1_440]
    assert read(vector(row, NOON_US), *names) == [1, 0, 0]
    assert read(vector(row, NOON_US + 2 * HOUR_US), *names) == [0, 60, 60]


def test_the_calendar_weighs_the_day() -> None:
    """Busy minutes, events left and the longest gap see only what lies ahead."""
    starts = (NOON_US - HOUR_US, NOON_US + 2 * HOUR_US, NOON_US + 20 * HOUR_US)
    ends = (NOON_US + HOUR_US, NOON_US + 4 * HOUR_US, NOON_US + 30 * HOUR_US)
    seen = vector(ServedRow(calendar=ServedCalendar(NOON_US, starts, ends)))
    names = ("events_left_today", "busy_min_left_today", "busy_min_next_24h", "longest_gap_12h_min")
    assert read(seen, *names) == [1, 180, 420, 480]


def habit_row(*days_and_habits: tuple[int, int]) -> ServedRow:
    """Return the row of (days ago, habit) logs."""
    logs = sorted(((NOON_US - days * DAY_US - MINUTE_US, habit) for days, habit in days_and_habits), reverse=True)
    times, which = zip(*logs, strict=True)
    return ServedRow(habits=ServedHabits(NOON_US, ("a", "b"), times, which))


def test_a_streak_of_three_days_is_at_risk_until_it_is_logged_today() -> None:
    """The streak runs through yesterday; logging today saves and extends it."""
    names = ("habits_tracked", "habits_left_today", "best_streak_days", "streak_at_risk", "habits_logged_7d")
    yesterday = [(1, 0), (2, 0), (3, 0), (5, 0), (4, 1)]
    assert read(vector(habit_row(*yesterday)), *names) == [2, 2, 3, 1, 5]
    assert read(vector(habit_row((0, 0), *yesterday)), *names) == [2, 1, 4, 0, 6]


def test_the_longest_streak_is_capped_at_two_weeks() -> None:
    """Fourteen days are as good as any number."""
    assert read(vector(habit_row(*((day, 0) for day in range(40)))), "best_streak_days") == [14]


def test_mood_is_told_against_the_week_and_unreported_energy_is_masked() -> None:
    """Means are of seven days; an energy of 0 was never reported."""
    times = (NOON_US - HOUR_US, NOON_US - DAY_US, NOON_US - 8 * DAY_US)
    seen = vector(ServedRow(mood=ServedMood(times[0], times, (2, 4, 5), (0, 0, 0))))
    names = ("mood_last", "mood_mean_7d", "mood_change", "hours_since_mood", "energy_last", "energy_mean_7d")
    assert read(seen, *names) == [2, 3, -1, 1, None, None]


def test_what_the_device_did_not_say_is_masked() -> None:
    """Unknown place and focus are not false."""
    seen = vector(ServedRow(context=ServedContext(NOON_US, device=1)))
    assert read(seen, "on_phone", "on_desktop", "at_home", "focus_mode", "minutes_in_place") == [1, 0, None, None, None]


def test_reactions_are_counted_in_their_windows() -> None:
    """Done in the week, deferred in the day, rejected in the month; the share has one of each as prior."""
    times = (NOON_US - HOUR_US, NOON_US - 2 * DAY_US, NOON_US - 3 * DAY_US, NOON_US - 40 * DAY_US)
    tips = ServedTips(times[0], times[:1], ("c",), (0,), times, (2, 1, 3, 3), ("c",) * 4)
    names = ("tips_shown_24h", "tips_done_7d", "not_now_24h", "not_for_me_30d", "done_share_30d", "hours_since_tip")
    assert read(vector(ServedRow(tips=tips)), *names) == [1, 1, 1, 1, 0.4, 1]


@pytest.mark.parametrize(("hour", "awake", "to_quiet"), [(8, 0, 840), (12, 240, 600), (22, 0, 0), (3, 0, 0)])
def test_waking_hours_are_what_quiet_hours_leave(hour: int, awake: float, to_quiet: float) -> None:
    """In quiet hours both are zero."""
    seen = vector(ServedRow(), to_us(NOON.replace(hour=hour)))
    assert read(seen, "minutes_awake", "minutes_to_quiet") == [awake, to_quiet]


def test_without_quiet_hours_the_waking_day_is_the_whole_day() -> None:
    """Equal bounds mean no quiet hours."""
    seen = context_vector(ServedRow(), NOON_US, BERLIN, 0, quiet_start_min=0, quiet_end_min=0)
    assert read(seen, "minutes_awake", "minutes_to_quiet") == [720, 720]


def test_a_day_ends_at_local_midnight_also_when_the_clock_changes() -> None:
    """The day of the change in Berlin has 23 hours, and a busy day is as long."""
    midnight_us = to_us(datetime(2026, 3, 29, tzinfo=BERLIN))
    row = ServedRow(calendar=ServedCalendar(midnight_us, (midnight_us,), (midnight_us + 48 * HOUR_US,)))
    seen = context_vector(row, midnight_us + 20 * HOUR_US, BERLIN, ALL_CONSENTS, quiet_start_min=0, quiet_end_min=0)
    assert read(seen, "busy_min_left_today") == [180]


def test_a_midnight_that_the_clock_skips_is_the_instant_of_the_skip() -> None:
    """In Santiago the clock goes from 23:59:59 to 01:00: the day ends there, with no hour lost or counted twice."""
    skip_us = to_us(datetime(2026, 9, 6, 4, tzinfo=ZoneInfo("UTC")))
    row = ServedRow(tasks=ServedTasks(skip_us, 2, due_us=(skip_us, skip_us + 1), due_keys=("a", "b")))
    assert read(vector(row, skip_us - HOUR_US, SANTIAGO), "tasks_due_today") == [1]


def test_a_long_backlog_does_not_hide_what_is_due_next() -> None:
    """Sixty overdue tasks leave room for the one that is due in an hour, and are counted all the same."""
    late = [task(number, NOON_US - 1_000, due_us=NOON_US - (number + 1) * HOUR_US) for number in range(60)]
    state = fold([*late, task(60, NOON_US, due_us=NOON_US + HOUR_US)])
    row = served_row(state, NOON_US)
    vector = context_vector(row, NOON_US, BERLIN, ALL_CONSENTS, quiet_start_min=1_320, quiet_end_min=480)
    assert row.tasks.earlier_due_count + len(row.tasks.due_us) == 61
    assert (vector.values[POSITION["tasks_due_2h"]], vector.values[POSITION["tasks_overdue"]]) == (1.0, float(TOP))
