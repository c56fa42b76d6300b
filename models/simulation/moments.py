"""Simulated moments: context vectors over the ranges of the feature table, jointly plausible.

The hour drives place, device, energy and what is left of the day; the weight of the day drives tasks, calendar and
their remainders; energy and mood move around the person's usual ones. Numbers that depend on each other are derived
(`events_left_today` and `busy_min_left_today`, `tasks_due_2h` and `minutes_to_next_due`), never drawn apart. Each
source is withheld in 8 % of the moments, so that a policy learns to live without it.
"""
# ruff: noqa: PLR2004 - the numbers are the equations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.durations import DAY_MIN
from data_contracts.features import CONSENT_SIGNALS, FEATURES, TOP
from models.simulation.people import People

Floats = NDArray[np.float64]

WITHHELD = 0.08
WAKE_MIN, SLEEP_MIN = 480, 1_320  # quiet hours are 22 to 8, and moments lie between them
_LOW = np.array([feature.low for feature in FEATURES])
_HIGH = np.array([feature.high for feature in FEATURES])
_OF_SOURCE = np.array([[feature.source is source for feature in FEATURES] for source in CONSENT_SIGNALS])


class Moments(NamedTuple):
    """N moments: what is true, (features,) by name, and what the platform may see of it."""

    true: dict[str, Floats]  # name -> (N,)
    hour: Floats  # (N,) local hour
    masked: NDArray[np.bool_]  # (N, features)

    def rows(self, index: NDArray[np.intp]) -> "Moments":
        """Return the moments at `index`, with repetition."""
        true = {name: values[index] for name, values in self.true.items()}
        return Moments(true, self.hour[index], self.masked[index])

    def vectors(self) -> Floats:
        """Return (N, features) in the units of the feature table, clipped to its ranges."""
        matrix = np.stack([self.true[feature.name] for feature in FEATURES], axis=1)
        return np.clip(matrix, _LOW, _HIGH)


def moments(rng: np.random.Generator, who: People) -> Moments:
    """Return one moment for each row of `who`."""
    n = who.todo.size
    minute = rng.uniform(WAKE_MIN, SLEEP_MIN, n)
    weekend = rng.random(n) < 2 / 7
    load = rng.beta(2.0, 2.5, n) * np.where(weekend, 0.4, 1.0)  # the weight of the day, 0 to 1
    true = {
        **_clock(minute, weekend),
        **_tasks(rng, minute, load),
        **_calendar(rng, minute, load),
        **_habits(rng, minute, n),
        **_mood(rng, minute, load, who),
        **_place(rng, minute, weekend),
        **_tips(rng, n),
    }
    withheld = rng.random((n, len(CONSENT_SIGNALS))) < WITHHELD
    masked = withheld.astype(np.float64) @ _OF_SOURCE > 0
    return Moments(true, minute / 60.0, masked)


def _clock(minute: Floats, weekend: NDArray[np.bool_]) -> dict[str, Floats]:
    angle = 2 * np.pi * minute / DAY_MIN
    return {
        "hour_sin": np.sin(angle),
        "hour_cos": np.cos(angle),
        "is_weekend": weekend.astype(float),
        "minutes_awake": minute - WAKE_MIN,
        "minutes_to_quiet": SLEEP_MIN - minute,
    }


def _tasks(rng: np.random.Generator, minute: Floats, load: Floats) -> dict[str, Floats]:
    n = minute.size
    opened = np.floor(rng.lognormal(np.log(4 + 40 * load), 0.8))
    due_today = np.minimum(rng.poisson(0.3 + 2.5 * load), opened)
    left = DAY_MIN - minute
    soonest = left * rng.random(n) ** np.maximum(due_today, 1)  # the minimum of as many uniform times
    soonest = np.where(due_today > 0, soonest, left + rng.exponential(2_500, n))
    soonest = np.where(opened > 0, soonest, 10_080)
    soon = soonest < 120
    return {
        "tasks_open": opened,
        "tasks_high_priority": np.minimum(rng.poisson(0.08 * opened), opened),
        "tasks_overdue": np.minimum(rng.poisson(0.06 * opened), np.minimum(opened - due_today, TOP)),
        "tasks_due_today": due_today,
        "tasks_due_2h": np.where(soon, 1 + rng.binomial(np.maximum(due_today, 1).astype(int) - 1, 0.3), 0),
        "minutes_to_next_due": soonest,
        "oldest_open_days": np.where(opened > 0, rng.exponential(25, n), 0),
        "tasks_done_24h": rng.poisson(2 * rng.random(n) * (0.5 + load)),
        "tasks_done_7d": rng.poisson(10 * (0.5 + load)),
    }


def _calendar(rng: np.random.Generator, minute: Floats, load: Floats) -> dict[str, Floats]:
    n = minute.size
    day_left = np.clip((1_320 - minute) / 840, 0, 1)
    events = rng.poisson(5 * load * day_left)
    busy = np.minimum(events * rng.uniform(25, 70, n), 1_320 - minute)
    in_event = rng.random(n) < 0.15 * load
    gap = np.where(events > 0, rng.exponential(150 / np.maximum(events, 1), n) + 5, 720)
    return {
        "in_event": in_event.astype(float),
        "free_gap_min": np.where(in_event, 0, np.minimum(gap, 720)),
        "minutes_since_event": np.where(in_event, 0, np.minimum(rng.exponential(60 + 300 * (1 - load)), DAY_MIN)),
        "events_left_today": events,
        "busy_min_left_today": busy,
        "busy_min_next_24h": busy + rng.gamma(2, 60, n) * (1 - day_left),
        "longest_gap_12h_min": np.minimum(np.maximum(gap, (720 - busy) / (events + 1)), 720),
    }


def _habits(rng: np.random.Generator, minute: Floats, n: int) -> dict[str, Floats]:
    tracked = rng.binomial(6, 0.4, n)
    logged = rng.binomial(tracked, 0.25 + 0.4 * (minute - WAKE_MIN) / 840)
    streak = np.where(tracked > 0, np.minimum(rng.geometric(0.25, n) - 1, 14), 0)
    left = tracked - logged
    return {
        "habits_tracked": tracked,
        "habits_left_today": left,
        "habits_logged_7d": rng.poisson(4.0 * tracked),
        "best_streak_days": streak,
        "streak_at_risk": ((streak >= 3) & (left > 0)).astype(float),
        "hours_since_habit": np.where(tracked > 0, rng.exponential(14, n), 336),
    }


def _mood(rng: np.random.Generator, minute: Floats, load: Floats, who: People) -> dict[str, Floats]:
    n = minute.size
    rhythm = 0.6 * np.sin(2 * np.pi * (minute / 60 - 5) / 24)  # highest before noon
    energy = np.clip(np.rint(who.vigour + rhythm - 0.8 * load + rng.normal(0, 0.9, n)), 1, 5)
    mood = np.clip(np.rint(who.cheer - 0.5 * load + rng.normal(0, 0.9, n)), 1, 5)
    week = np.clip(who.cheer + rng.normal(0, 0.3, n), 1, 5)
    return {
        "mood_last": mood,
        "mood_mean_7d": week,
        "mood_change": mood - week,
        "energy_last": energy,
        "energy_mean_7d": np.clip(who.vigour + rng.normal(0, 0.3, n), 1, 5),
        "hours_since_mood": np.minimum(rng.exponential(10, n), 72),
    }


def _place(rng: np.random.Generator, minute: Floats, weekend: NDArray[np.bool_]) -> dict[str, Floats]:
    n = minute.size
    office = (minute > 540) & (minute < 1_050) & ~weekend
    at_work = rng.random(n) < np.where(office, 0.6, 0.03)
    at_home = ~at_work & (rng.random(n) < 0.8)
    desktop = rng.random(n) < np.where(at_work, 0.8, 0.25)
    return {
        "on_phone": (~desktop & (rng.random(n) < 0.9)).astype(float),
        "on_desktop": desktop.astype(float),
        "at_home": at_home.astype(float),
        "at_work": at_work.astype(float),
        "focus_mode": (rng.random(n) < np.where(desktop, 0.2, 0.08)).astype(float),
        "minutes_in_place": np.minimum(rng.exponential(120, n), 720),
    }


def _tips(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    shown = rng.poisson(2.5 * rng.random(n) ** 0.5)
    not_now = rng.binomial(shown, 0.25)
    rejected = rng.poisson(0.8, n)
    done = rng.poisson(6 * rng.random(n))
    asked = rng.poisson(12 * rng.random(n)) + done
    return {
        "tips_shown_24h": shown,
        "tips_done_7d": np.minimum(done, TOP),
        "not_now_24h": not_now,
        "not_for_me_30d": rejected,
        "done_share_30d": (done + 1) / (asked + 2),
        "hours_since_tip": np.where(
            shown > 0, rng.uniform(0.25, 24, n) / np.maximum(shown, 1), 24 + rng.exponential(40, n)
        ),
    }
