"""Context vectors of many rows at once; bit for bit those of `feature_repo.vector.kernel`.

`context_vector` is the definition; a property test holds the two equal over any rows, instants, zones and consents.
"""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_contracts.durations import DAY_US, HOUR_US, MINUTE_US
from data_contracts.events.oo.events.v1.facts_pb2 import REACTION_DONE, REACTION_NOT_FOR_ME, REACTION_NOT_NOW
from data_contracts.events.oo.events.v1.signals_pb2 import DEVICE_DESKTOP, DEVICE_PHONE, PLACE_HOME, PLACE_WORK
from data_contracts.features import Source
from feature_repo.vector.kernel import (
    AT_RISK_DAYS,
    FRESH_US,
    HIGH,
    LOW,
    MONTH_US,
    NEVER,
    NOTHING,
    ORDER,
    SOURCE_OF,
    STREAK_DAYS,
    WEEK_US,
    Instant,
    clock_values,
    instant_at,
)
from feature_repo.vector.served_columns import FIELD, Integers, ServedColumns

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]
Column = Integers | Flags | Floats
CHUNK = 1_024  # rows at once, so that the numbers fit into 64 bits and the work into the processor's cache
LATE = 1 << 61  # behind every time
MOST_HABITS = 16


class ContextVectors(NamedTuple):
    """What the models see of each row; arrays of shape (rows, features), the last one of shape (rows,)."""

    values: Floats
    masked: Flags
    ages_s: Integers
    stale_mask: Integers


class Moments(NamedTuple):
    """The instant of each row, and the local days around it; `days_us` has the shape (rows, days)."""

    now_us: Integers
    days_us: Integers
    day_end_us: Integers
    clock: Floats

    def rows(self, first: int, last: int) -> "Moments":
        """Return the rows in [first, last)."""
        part = slice(first, last)
        return Moments(self.now_us[part], self.days_us[part], self.day_end_us[part], self.clock[part])


def moments(
    now_us: Sequence[int], zones: Sequence[ZoneInfo], quiet_start_min: Sequence[int], quiet_end_min: Sequence[int]
) -> Moments:
    """Return the instants of some rows; each that is asked for is made once."""
    asked = list(zip(now_us, zones, quiet_start_min, quiet_end_min, strict=True))
    place = {key: number for number, key in enumerate(dict.fromkeys(asked))}
    made: list[Instant] = [instant_at(*key) for key in place]
    which = np.array([place[key] for key in asked], np.int64)
    return Moments(
        np.array([at.now_us for at in made], np.int64)[which],
        np.array([at.days_us for at in made], np.int64).reshape(-1, STREAK_DAYS + 1)[which],
        np.array([at.day_end_us for at in made], np.int64)[which],
        np.array([clock_values(at) for at in made], np.float64).reshape(-1, len(NOTHING[-1]))[which],
    )


def context_vectors(rows: ServedColumns, at: Moments, consent_masks: Integers) -> ContextVectors:
    """Return the context of each row at its instant; bit i of a consent mask grants the source at position i.

    Raises `Malformed` when instants that stand together lie more than nine years apart.
    """
    made = [
        _some(
            rows.rows(first, first + CHUNK),
            at.rows(first, first + CHUNK),
            consent_masks[first : first + CHUNK],
        )
        for first in range(0, len(consent_masks) or 1, CHUNK)
    ]
    return (
        made[0] if len(made) == 1 else ContextVectors(*(np.concatenate(column) for column in zip(*made, strict=True)))
    )


def _some(rows: ServedColumns, at: Moments, consent_masks: Integers) -> ContextVectors:
    granted = (consent_masks[:, None] >> PLACES & 1).astype(np.bool_)
    last_us = rows.flat[rows.starts[:, LAST]]
    age_us = np.maximum(at.now_us[:, None] - last_us, 0)
    known = granted & (last_us != 0)
    stale = known & (age_us > FRESH)
    shown = np.where(ORDER.index(Source.TIPS) == PLACES, granted, known) & ~stale
    counts = _counts(rows, at)
    columns = [column for maker in MAKERS.values() for column in maker(rows, at, counts)]
    values = np.empty((len(columns), len(at.now_us)))
    for number, column in enumerate(columns):
        values[number] = column
    values[~shown.T[SOURCE_OF[: len(columns)]]] = np.nan
    rowwise = np.concatenate([values.T, at.clock], axis=1)
    masked = np.isnan(rowwise)
    np.maximum(rowwise, LOW, out=rowwise)
    np.minimum(rowwise, HIGH, out=rowwise)
    rowwise[masked] = 0.0
    ages = np.zeros((len(at.now_us), len(ORDER)), np.int64)
    ages[:, PLACES] = np.where(known, age_us // 1_000_000, NEVER)
    return ContextVectors(rowwise, masked, ages[:, SOURCE_OF], (stale << PLACES).sum(axis=1))


Counts = dict[str, Integers]


def _counts(rows: ServedColumns, at: Moments) -> Counts:
    """Return how many entries of each list are not after the instants that the features ask about."""
    now, ends = at.now_us, at.day_end_us
    t, c, h, m, p = Source.TASKS, Source.CALENDAR, Source.HABITS, Source.MOOD, Source.TIPS
    asked = {
        "due": (t, "due_us", now),
        "due_today": (t, "due_us", ends),
        "due_soon": (t, "due_us", now + 2 * HOUR_US),
        "done": (t, "done_us", now),
        "done_day": (t, "done_us", now - DAY_US),
        "done_week": (t, "done_us", now - WEEK_US),
        "begun": (c, "busy_start_us", now),
        "begun_today": (c, "busy_start_us", ends - 1),
        "ended": (c, "busy_end_us", now),
        "logged": (h, "log_us", now),
        "logged_week": (h, "log_us", now - WEEK_US),
        "logged_tracked": (h, "log_us", now - STREAK_DAYS * DAY_US),
        "reported": (m, "report_us", now),
        "reported_week": (m, "report_us", now - WEEK_US),
        "shown": (p, "shown_us", now),
        "shown_day": (p, "shown_us", now - DAY_US),
        "answered": (p, "reaction_us", now),
        "answered_day": (p, "reaction_us", now - DAY_US),
        "answered_week": (p, "reaction_us", now - WEEK_US),
        "answered_month": (p, "reaction_us", now - MONTH_US),
        **{f"day{day}": (h, "log_us", at.days_us[:, day] - 1) for day in range(STREAK_DAYS + 1)},
    }
    return dict(zip(asked, rows.up_to(list(asked.values())), strict=True))


def _tasks(rows: ServedColumns, at: Moments, counts: Counts) -> list[Column]:
    source, now, due = Source.TASKS, at.now_us, counts["due"]
    more = due < rows.size(source, "due_us")
    to_next = np.where(more, (rows.at(source, "due_us", due, more) - now) / MINUTE_US, np.inf)
    created_us, is_open = rows.single(source, "oldest_created_us"), rows.single(source, "open_count")
    oldest = np.where(created_us != 0, (now - created_us) / DAY_US, np.nan)
    return [
        is_open,
        rows.single(source, "high_priority_count"),
        rows.single(source, "earlier_due_count") + due,
        counts["due_today"] - due,
        counts["due_soon"] - due,
        to_next,
        np.where(is_open != 0, oldest, 0.0),
        counts["done"] - counts["done_day"],
        counts["done"] - counts["done_week"],
    ]


def _calendar(rows: ServedColumns, at: Moments, counts: Counts) -> list[Column]:
    source, now = Source.CALENDAR, at.now_us
    first, following = counts["ended"], counts["begun"]
    inside = first < following
    more, before = following < rows.size(source, "busy_start_us"), first > 0
    gap = np.where(more, (rows.at(source, "busy_start_us", following, more) - now) / MINUTE_US, np.inf)
    since = np.where(before, (now - rows.at(source, "busy_end_us", first - 1, before)) / MINUTE_US, np.inf)
    starts, ends = rows.matrix(source, "busy_start_us", LATE), rows.matrix(source, "busy_end_us", LATE)
    from_us = np.maximum(starts, now[:, None])

    def busy_us(until_us: Integers) -> Integers:
        lasts = np.minimum(ends, until_us[:, None]) - from_us
        total: Integers = np.maximum(lasts, 0).sum(axis=1)
        return total

    return [
        inside,
        np.where(inside, 0.0, gap),
        np.where(inside, 0.0, since),
        counts["begun_today"] - following,
        busy_us(at.day_end_us) / MINUTE_US,
        busy_us(now + DAY_US) / MINUTE_US,
        _longest_gap_us(starts, ends, now, now + 12 * HOUR_US) / MINUTE_US,
    ]


def _longest_gap_us(starts: Integers, ends: Integers, now_us: Integers, until_us: Integers) -> Integers:
    """Return the longest time without a busy interval; intervals that have ended leave a gap below zero."""
    begins = starts < until_us[:, None]
    free_from = np.empty((len(now_us), starts.shape[1] + 1), np.int64)
    free_from[:, 0] = now_us
    np.maximum(np.where(begins, ends, 0), now_us[:, None], out=free_from[:, 1:])
    gaps = np.where(begins, starts - free_from[:, :-1], 0)
    longest: Integers = np.maximum(gaps.max(axis=1, initial=0), until_us - free_from.max(axis=1))
    return longest


def _habits(rows: ServedColumns, at: Moments, counts: Counts) -> list[Column]:
    source, until = Source.HABITS, counts["logged"]
    seen, size = until > 0, rows.size(source, "log_us")
    newest_us = rows.at(source, "log_us", size - until, seen)
    days = np.stack([until, *(counts[f"day{day}"] for day in range(STREAK_DAYS + 1))], axis=1)
    logged = _union(rows, days)  # today, yesterday, ...
    today, running = logged[:, 0], np.bitwise_and.accumulate(logged[:, 1:], axis=1)
    tracked = _union(rows, np.stack([until, counts["logged_tracked"]], axis=1))[:, 0]
    length = np.count_nonzero(running[:, :-1], axis=1)  # a streak that is broken stays so
    last = np.take_along_axis(running, np.maximum(length - 1, 0)[:, None], axis=1)[:, 0]
    best = np.where(length > 0, length + ((last & today) != 0), today != 0)
    return [
        np.bitwise_count(tracked),
        np.bitwise_count(tracked & ~today),
        until - counts["logged_week"],
        np.where(running[:, -1] != 0, STREAK_DAYS, best),
        (running[:, AT_RISK_DAYS - 1] & ~today) != 0,
        np.where(seen, (at.now_us - newest_us) / HOUR_US, np.inf),
    ]


def _union(rows: ServedColumns, counts: Integers) -> Integers:
    """Return the habits, as bits, that were logged between each two neighbours of `counts`, which fall along a row."""
    habits = rows.matrix(Source.HABITS, "log_habit", MOST_HABITS)
    if not habits.shape[1]:
        return np.zeros((len(habits), counts.shape[1] - 1), np.int64)
    places = np.minimum(rows.size(Source.HABITS, "log_us")[:, None] - counts, habits.shape[1])
    bits = np.zeros((len(habits), habits.shape[1] + 1), np.int64)  # one behind the last, so that an end is a place
    np.left_shift(1, habits, out=bits[:, :-1])
    flat = (places + np.arange(len(habits))[:, None] * bits.shape[1]).ravel()
    joined = np.bitwise_or.reduceat(bits.ravel(), flat).reshape(counts.shape)[:, :-1]
    return np.where(places[:, 1:] > places[:, :-1], joined, 0)


def _mood(rows: ServedColumns, at: Moments, counts: Counts) -> list[Column]:
    source, size = Source.MOOD, rows.size(Source.MOOD, "report_us")
    seen, first = counts["reported"] > 0, size - counts["reported"]
    moods, energies = rows.matrix(source, "mood", 0), rows.matrix(source, "energy", 0)
    steps = np.arange(moods.shape[1])
    week = (steps >= first[:, None]) & (steps < (size - counts["reported_week"])[:, None])
    told = energies * (steps >= first[:, None])
    any_told: Flags = np.asarray(told.any(axis=1))
    absent = np.where(seen, 0.0, np.nan)
    last = rows.at(source, "mood", first, seen) + absent
    mean = _mean((moods * week).sum(axis=1), week.sum(axis=1))
    newest = np.argmax(told != 0, axis=1) if moods.shape[1] else np.zeros_like(size)
    last_energy = rows.at(source, "energy", newest, any_told)
    return [
        last,
        mean,
        last - mean,
        np.where(any_told, last_energy, np.nan),
        _mean((energies * week).sum(axis=1), np.count_nonzero(energies * week, axis=1)),
        (at.now_us - rows.at(source, "report_us", first, seen)) / HOUR_US + absent,
    ]


def _mean(total: Integers, count: Integers) -> Floats:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _context(rows: ServedColumns, at: Moments, _counts: Counts) -> list[Column]:
    device, place, focus = (rows.single(Source.CONTEXT, name) for name in ("device", "place", "focus"))
    no_device, no_place = np.where(device, 0.0, np.nan), np.where(place, 0.0, np.nan)
    return [
        (device == DEVICE_PHONE) + no_device,
        (device == DEVICE_DESKTOP) + no_device,
        (place == PLACE_HOME) + no_place,
        (place == PLACE_WORK) + no_place,
        np.where(focus >= 0, focus, np.nan),
        (at.now_us - rows.single(Source.CONTEXT, "place_since_us")) / MINUTE_US + no_place,
    ]


def _tips(rows: ServedColumns, at: Moments, counts: Counts) -> list[Column]:
    source, seen = Source.TIPS, counts["shown"] > 0
    newest_us = rows.at(source, "shown_us", rows.size(source, "shown_us") - counts["shown"], seen)
    reactions, size = rows.matrix(source, "reaction", 0), rows.size(source, "reaction_us")
    steps = np.arange(reactions.shape[1])
    known = np.where(steps >= (size - counts["answered"])[:, None], reactions, 0)

    def count(reaction: int, since: str) -> Integers:
        matches: Integers = np.count_nonzero((known == reaction) & (steps < (size - counts[since])[:, None]), axis=1)
        return matches

    answered = counts["answered"] - counts["answered_month"]
    return [
        counts["shown"] - counts["shown_day"],
        count(REACTION_DONE, "answered_week"),
        count(REACTION_NOT_NOW, "answered_day"),
        count(REACTION_NOT_FOR_ME, "answered_month"),
        (count(REACTION_DONE, "answered_month") + 1) / (answered + 2),
        np.where(seen, (at.now_us - newest_us) / HOUR_US, np.inf),
    ]


MAKERS = {
    Source.TASKS: _tasks,
    Source.CALENDAR: _calendar,
    Source.HABITS: _habits,
    Source.MOOD: _mood,
    Source.CONTEXT: _context,
    Source.TIPS: _tips,
}

PLACES = np.arange(len(MAKERS))  # of the sources in `ORDER`; the clock, behind them, is not stored
FRESH = np.array(FRESH_US[: len(MAKERS)])
LAST = np.array([FIELD[source, "last_us"] for source in MAKERS])
