"""Computes the context vector from the served row: pure, and the same function online and in training.

Values are raw units of `data_contracts/features.py`, clipped to their range. A masked value is 0.0, whatever its
range; `masked` says so, and scaling belongs to the models. Masked are: all features of a source without consent,
without any fact (except tips: no tip yet is itself a fact), or older than its freshness; and single features whose
value does not exist (no mood this week, device unknown). Durations are elapsed time. Days and hours of the day are
the wall clock of the person's zone: a local day begins when its midnight is first reached, so a day on which the
clock changes has 23 or 25 hours, and a midnight that the clock skips is the instant at which it skips. Facts later
than `now` are ignored where they are lists, so an earlier instant can be asked about.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_contracts.durations import DAY_MIN, DAY_US, HOUR_US, MINUTE_US
from data_contracts.events.oo.events.v1.facts_pb2 import REACTION_DONE, REACTION_NOT_FOR_ME, REACTION_NOT_NOW
from data_contracts.events.oo.events.v1.signals_pb2 import DEVICE_DESKTOP, DEVICE_PHONE, PLACE_HOME, PLACE_WORK
from data_contracts.features import FEATURES, SOURCES, Source
from data_contracts.served import (
    ServedCalendar,
    ServedContext,
    ServedHabits,
    ServedMood,
    ServedRow,
    ServedTasks,
    ServedTips,
)

WEEK_US, MONTH_US = 7 * DAY_US, 30 * DAY_US
STREAK_DAYS = 14
AT_RISK_DAYS = 3
SATURDAY = 5
ABSENT = math.nan  # a single value that does not exist; becomes a mask
NEVER = -1  # the age of a source that has no fact to show

LOW = np.array([feature.low for feature in FEATURES])
HIGH = np.array([feature.high for feature in FEATURES])
ORDER = tuple(Source)
SOURCE_OF = np.array([ORDER.index(feature.source) for feature in FEATURES])  # ascending: the table is grouped
NOTHING = tuple((ABSENT,) * int(count) for count in np.bincount(SOURCE_OF))
FRESH_US = tuple(SOURCES[source].fresh_s * 1_000_000 for source in ORDER)
ALL_CONSENTS = (1 << len(ORDER)) - 1

Values = tuple[float, ...]


class ContextVector(NamedTuple):
    """What the models see; arrays of shape (features,) in the order of the feature table."""

    values: NDArray[np.float64]
    masked: NDArray[np.bool_]
    ages_s: NDArray[np.int64]  # of each feature's source; -1 without consent or without a fact
    stale_mask: int  # bit i is set when the source at position i of `Source` is masked for its age


class Instant(NamedTuple):
    """Now, and the local days around it."""

    now_us: int
    days_us: tuple[int, ...]  # begin of today, of yesterday, ... STREAK_DAYS back
    day_end_us: int
    minute: float  # of the wall clock, in [0, 1440)
    weekday: int
    quiet_start_min: int
    quiet_end_min: int


def context_vector(
    row: ServedRow,
    now_us: int,
    zone: ZoneInfo,
    consent_mask: int,
    *,
    quiet_start_min: int,
    quiet_end_min: int,
) -> ContextVector:
    """Return the context of a person at an instant; bit i of `consent_mask` grants the source at position i."""
    instant = instant_at(now_us, zone, quiet_start_min, quiet_end_min)
    parts: list[Values] = []
    ages: list[int] = []
    stale_mask = 0
    for position, (part, maker) in enumerate(zip(row, MAKERS, strict=True)):
        last_us = cast("int", part[0])
        age_us = max(now_us - last_us, 0)
        granted = consent_mask >> position & 1
        known = granted and last_us
        if known and age_us > FRESH_US[position]:
            stale_mask |= 1 << position
            parts.append(NOTHING[position])
        elif known or (granted and maker is _tips):
            parts.append(maker(part, instant))
        else:
            parts.append(NOTHING[position])
        ages.append(age_us // 1_000_000 if known else NEVER)
    parts.append(clock_values(instant))
    ages.append(0)
    values = np.array(list(chain.from_iterable(parts)), np.float64)
    masked = np.isnan(values)
    np.maximum(values, LOW, out=values)
    np.minimum(values, HIGH, out=values)
    values[masked] = 0.0
    return ContextVector(values, masked, np.array(ages, np.int64)[SOURCE_OF], stale_mask)


@lru_cache(maxsize=4_096)
def _day_bounds(zone: ZoneInfo, ordinal: int) -> tuple[int, ...]:
    """Return the begin of the day after `ordinal`, of that day, and of the days before it, in UTC microseconds."""
    tomorrow = datetime.fromordinal(ordinal + 1).replace(tzinfo=zone)
    days = (tomorrow - timedelta(days=back) for back in range(STREAK_DAYS + 2))
    return tuple(int(day.timestamp()) * 1_000_000 for day in days)


def instant_at(now_us: int, zone: ZoneInfo, quiet_start_min: int, quiet_end_min: int) -> Instant:
    """Return an instant with the local days around it."""
    local = datetime.fromtimestamp(now_us // 1_000_000, UTC).astimezone(zone)
    bounds = _day_bounds(zone, local.toordinal())
    minute = local.hour * 60 + local.minute + (local.second + now_us % 1_000_000 / 1e6) / 60
    return Instant(now_us, bounds[1:], bounds[0], minute, local.weekday(), quiet_start_min, quiet_end_min)


def _count(ascending: tuple[int, ...], after_us: int, until_us: int) -> int:
    """Count times in (after, until]."""
    return bisect_right(ascending, until_us) - bisect_right(ascending, after_us)


def _tasks(tasks: ServedTasks, at: Instant) -> Values:
    now, due, done = at.now_us, tasks.due_us, tasks.done_us[::-1]
    overdue = bisect_right(due, now)
    to_next = (due[overdue] - now) / MINUTE_US if overdue < len(due) else math.inf
    oldest = (now - tasks.oldest_created_us) / DAY_US if tasks.oldest_created_us else ABSENT
    return (
        tasks.open_count,
        tasks.high_priority_count,
        tasks.earlier_due_count + overdue,
        _count(due, now, at.day_end_us),
        _count(due, now, now + 2 * HOUR_US),
        to_next,
        oldest if tasks.open_count else 0.0,
        _count(done, now - DAY_US, now),
        _count(done, now - WEEK_US, now),
    )


def _busy_us(busy: list[tuple[int, int]], from_us: int, until_us: int) -> int:
    return sum(min(end, until_us) - max(start, from_us) for start, end in busy if start < until_us)


def _longest_gap_us(busy: list[tuple[int, int]], from_us: int, until_us: int) -> int:
    longest, free_from = 0, from_us
    for start, end in busy:
        if start >= until_us:
            break
        longest = max(longest, start - free_from)
        free_from = end
    return max(longest, until_us - free_from)


def _calendar(calendar: ServedCalendar, at: Instant) -> Values:
    now, starts, ends = at.now_us, calendar.busy_start_us, calendar.busy_end_us
    first = bisect_right(ends, now)  # the first interval that has not ended
    following = bisect_right(starts, now)
    inside = first < following
    last = bisect_left(starts, max(now + DAY_US, at.day_end_us))
    ahead = list(zip(starts[first:last], ends[first:last], strict=True))
    gap = (starts[following] - now) / MINUTE_US if following < len(starts) else math.inf
    since = (now - ends[first - 1]) / MINUTE_US if first else math.inf
    return (
        inside,
        0.0 if inside else gap,
        0.0 if inside else since,
        bisect_left(starts, at.day_end_us) - following,
        _busy_us(ahead, now, at.day_end_us) / MINUTE_US,
        _busy_us(ahead, now, now + DAY_US) / MINUTE_US,
        _longest_gap_us(ahead, now, now + 12 * HOUR_US) / MINUTE_US,
    )


def _streak(days: Callable[[int], set[int]], today: set[int]) -> tuple[int, bool]:
    """Return the longest current streak and whether one of three days or more is not yet logged today."""
    best, at_risk, length = int(bool(today)), False, 1
    running = days(1)
    while running and length < STREAK_DAYS:
        best = length if running.isdisjoint(today) else length + 1
        at_risk = at_risk or (length == AT_RISK_DAYS and not running <= today)
        length += 1
        running &= days(length)
    return (STREAK_DAYS if running else best), at_risk


def _habits(habits: ServedHabits, at: Instant) -> Values:
    now, logs, which, begins = at.now_us, habits.log_us[::-1], habits.log_habit[::-1], at.days_us
    until = bisect_right(logs, now)

    def logged(day: int) -> set[int]:
        first = bisect_left(logs, begins[day])
        return set(which[first : bisect_left(logs, begins[day - 1], first)])

    today = set(which[bisect_left(logs, begins[0]) : until])
    tracked = set(which[bisect_right(logs, now - STREAK_DAYS * DAY_US) : until])
    best, at_risk = _streak(logged, today)
    return (
        len(tracked),
        len(tracked - today),
        _count(logs, now - WEEK_US, now),
        best,
        at_risk,
        (now - logs[until - 1]) / HOUR_US if until else math.inf,
    )


def _mood(mood: ServedMood, at: Instant) -> Values:
    reports = mood.report_us[::-1]
    until = bisect_right(reports, at.now_us)
    week = bisect_right(reports, at.now_us - WEEK_US)
    size = len(reports)
    moods = mood.mood[size - until : size - week]  # newest first, as served
    energies = [energy for energy in mood.energy[size - until : size - week] if energy]
    last_energy = next((energy for energy in mood.energy[size - until :] if energy), ABSENT)
    if not until:
        return NOTHING[ORDER.index(Source.MOOD)]
    last = mood.mood[size - until]
    mean = sum(moods) / len(moods) if moods else ABSENT
    return (
        last,
        mean,
        last - mean,
        last_energy,
        sum(energies) / len(energies) if energies else ABSENT,
        (at.now_us - reports[until - 1]) / HOUR_US,
    )


def _context(context: ServedContext, at: Instant) -> Values:
    device, place = context.device, context.place
    return (
        device == DEVICE_PHONE if device else ABSENT,
        device == DEVICE_DESKTOP if device else ABSENT,
        place == PLACE_HOME if place else ABSENT,
        place == PLACE_WORK if place else ABSENT,
        context.focus if context.focus >= 0 else ABSENT,
        (at.now_us - context.place_since_us) / MINUTE_US if place else ABSENT,
    )


def _tips(tips: ServedTips, at: Instant) -> Values:
    now, shown, answered = at.now_us, tips.shown_us[::-1], tips.reaction_us[::-1]
    seen = bisect_right(shown, now)
    size, until = len(answered), bisect_right(answered, now)

    def reactions(span_us: int) -> tuple[int, ...]:
        return tips.reaction[size - until : size - bisect_right(answered, now - span_us)]

    month = reactions(MONTH_US)
    return (
        _count(shown, now - DAY_US, now),
        reactions(WEEK_US).count(REACTION_DONE),
        reactions(DAY_US).count(REACTION_NOT_NOW),
        month.count(REACTION_NOT_FOR_ME),
        (month.count(REACTION_DONE) + 1) / (len(month) + 2),
        (now - shown[seen - 1]) / HOUR_US if seen else math.inf,
    )


def clock_values(at: Instant) -> Values:
    """Return the features of the clock."""
    angle = 2 * math.pi * at.minute / DAY_MIN
    awake = (at.minute - at.quiet_end_min) % DAY_MIN
    waking_day = (at.quiet_start_min - at.quiet_end_min) % DAY_MIN or DAY_MIN
    quiet = awake >= waking_day
    return (
        math.sin(angle),
        math.cos(angle),
        at.weekday >= SATURDAY,
        0.0 if quiet else awake,
        0.0 if quiet else waking_day - awake,
    )


MAKERS: tuple[Callable[..., Values], ...] = (_tasks, _calendar, _habits, _mood, _context, _tips)
