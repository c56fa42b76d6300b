"""Simulated candidates: one per moment, as the action columns that a policy sees of a real one.

Topic is uniform; kind, effort and window follow the topic as in a catalogue. Tasks carry a due time that agrees with
the moment (`minutes_to_next_due`), a priority and a subject; calendar and habit tips carry a subject. The memory of
the cluster is drawn: seen in the last days in 40 % of the cases, followed, put off or rejected in fewer.
"""
# ruff: noqa: PLR2004 - the numbers are the equations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.features import POSITION
from data_contracts.tips import Topic
from models.rewards.action_features import ACTION, ACTION_COLUMNS, LONG_EFFORT_MIN, QUICK_MIN, fill_moment
from models.simulation.moments import Moments

Floats = NDArray[np.float64]

TOPICS = tuple(Topic)
# per topic: probability of a todo, shortest and longest effort in minutes, probability of a personal subject
SHAPE: dict[Topic, tuple[float, int, int, float]] = {
    Topic.TASKS: (0.9, 2, 120, 0.85),
    Topic.CALENDAR: (0.5, 2, 20, 0.5),
    Topic.HABITS: (0.9, 2, 45, 0.8),
    Topic.MOOD: (0.4, 1, 10, 0.0),
    Topic.FOCUS: (0.5, 5, 90, 0.1),
    Topic.REST: (0.4, 2, 30, 0.0),
    Topic.MOVEMENT: (0.7, 2, 45, 0.0),
    Topic.SOCIAL: (0.7, 2, 30, 0.0),
    Topic.LEARNING: (0.6, 5, 45, 0.0),
}


class Offers(NamedTuple):
    """N candidates, one row each."""

    actions: Floats  # (N, k)
    topic: NDArray[np.intp]  # (N,) index into TOPICS
    effort_min: Floats  # (N,)


def offers(rng: np.random.Generator, at: Moments) -> Offers:
    """Return one candidate for each moment."""
    n = at.hour.size
    topic = rng.integers(len(TOPICS), size=n)
    todo_share, shortest, longest, personal_share = np.array([SHAPE[t] for t in TOPICS]).T[:, topic]
    effort = np.rint(np.exp(rng.uniform(np.log(shortest), np.log(longest))))
    personal = rng.random(n) < personal_share
    is_task = topic == TOPICS.index(Topic.TASKS)
    actions = np.zeros((n, len(ACTION_COLUMNS)))
    actions[:, ACTION["tip"]] = 1.0
    actions[:, ACTION["todo"]] = rng.random(n) < todo_share
    actions[np.arange(n), ACTION[f"topic.{TOPICS[0].value}"] + topic] = 1.0
    actions[:, ACTION["effort"]] = np.minimum(np.log1p(effort) / np.log1p(LONG_EFFORT_MIN), 1.0)
    actions[:, ACTION["quick"]] = effort <= QUICK_MIN
    actions[:, ACTION["personal"]] = personal
    actions[:, ACTION["priority"]] = np.where(is_task & personal, (4 - rng.integers(1, 5, n)) / 3, 0.0)
    actions[:, ACTION["narrow_window"]] = np.where(rng.random(n) < 0.5, rng.uniform(0.2, 0.9, n), 0.0)
    gap = np.where(at.masked[:, POSITION["free_gap_min"]], np.nan, at.true["free_gap_min"])
    fill_moment(actions, _due_in_h(rng, at, is_task & personal), effort, gap)
    for name, share, fades_h in (
        ("shown_lately", 0.4, 24.0),
        ("done_lately", 0.15, 72.0),
        ("deferred_lately", 0.1, 6.0),
        ("rejected_lately", 0.05, 336.0),
    ):
        seen = (rng.random(n) < share) & ~at.masked[:, POSITION["tips_shown_24h"]]
        actions[:, ACTION[name]] = np.where(seen, np.exp(-rng.exponential(fades_h, n) / fades_h), 0.0)
    return Offers(actions, topic, effort)


def _due_in_h(rng: np.random.Generator, at: Moments, has_subject: NDArray[np.bool_]) -> Floats:
    """Return (N,) hours until the subject is due: the next due task, an overdue one, or one without a date."""
    n = at.hour.size
    kind = rng.random(n)
    hours = at.true["minutes_to_next_due"] / 60
    hours = np.where((kind < 0.2) & (at.true["tasks_overdue"] > 0), -rng.exponential(30, n), hours)
    dated = has_subject & (kind < 0.75) & ~at.masked[:, POSITION["tasks_open"]]
    return np.where(dated, hours, np.inf)
