"""Moments of one plausible day, and a small pool, for tests that speak about behaviour."""

import math

import numpy as np
from numpy.typing import NDArray

from data_contracts.durations import HOUR_US
from data_contracts.features import FEATURES
from data_contracts.identifiers import CandidateId, ClusterId, SubjectKey, from_us
from data_contracts.rewards import SILENCE_PRICE, silence_reward
from data_contracts.served import ServedTips
from data_contracts.tips import Candidate, TipKind, Topic
from models.policies import ArtifactPolicy
from models.policies.policy import Context
from models.rewards import design
from models.rewards.action_features import action_features, prepare

Floats = NDArray[np.float64]

NOW_US = 1_790_000_000_000_000
USUAL = {
    "tasks_open": 20, "tasks_high_priority": 2, "tasks_overdue": 1, "tasks_due_today": 1, "minutes_to_next_due": 500,
    "oldest_open_days": 20, "tasks_done_24h": 2, "tasks_done_7d": 12, "free_gap_min": 120, "minutes_since_event": 60,
    "events_left_today": 1, "busy_min_left_today": 60, "busy_min_next_24h": 180, "longest_gap_12h_min": 180,
    "habits_tracked": 3, "habits_left_today": 1, "habits_logged_7d": 12, "best_streak_days": 2, "hours_since_habit": 10,
    "mood_last": 3, "mood_mean_7d": 3.3, "mood_change": -0.3, "energy_last": 3, "energy_mean_7d": 3.2,
    "hours_since_mood": 6, "on_phone": 1, "at_home": 1, "minutes_in_place": 60, "tips_shown_24h": 1, "tips_done_7d": 4,
    "done_share_30d": 0.5, "hours_since_tip": 8,
}  # fmt: skip


def vector(hour: float, **changed: float) -> Floats:
    """A usual moment at a local hour, with some features changed."""
    angle = 2 * math.pi * hour / 24
    clock = {
        "hour_sin": math.sin(angle),
        "hour_cos": math.cos(angle),
        "minutes_awake": (hour - 8) * 60,
        "minutes_to_quiet": (22 - hour) * 60,
    }
    values = {**USUAL, **clock, **changed}
    return np.array([values.get(feature.name, 0.0) for feature in FEATURES])


def candidate(
    name: str,
    topic: Topic,
    effort_min: int,
    kind: TipKind = TipKind.TODO,
    *,
    due_h: float | None = None,
    priority: int = 4,
) -> Candidate:
    """A candidate whose cluster is its name; one that is due has a subject."""
    return Candidate(
        CandidateId(name), name, name, kind, topic, effort_min, ClusterId(name), "catalogue", from_us(NOW_US + HOUR_US),
        subject=None if due_h is None else SubjectKey(name),
        due_us=None if due_h is None else NOW_US + round(due_h * HOUR_US),
        priority=priority,
    )  # fmt: skip


URGENT = candidate("urgent", Topic.TASKS, 45, due_h=2, priority=1)
POOL = (
    candidate("someday", Topic.TASKS, 30, due_h=90),
    candidate("triage", Topic.TASKS, 10),
    candidate("breathe", Topic.REST, 3, TipKind.ADVICE),
    candidate("lie down", Topic.REST, 20, TipKind.ADVICE),
    candidate("stretch", Topic.MOVEMENT, 3),
    candidate("walk", Topic.MOVEMENT, 20),
    candidate("habit", Topic.HABITS, 15, due_h=50),
    candidate("deep work", Topic.FOCUS, 60),
    candidate("call", Topic.SOCIAL, 15),
    candidate("read", Topic.LEARNING, 20),
    candidate("name it", Topic.MOOD, 3, TipKind.ADVICE),
    candidate("tomorrow", Topic.CALENDAR, 5),
)


def ask(
    policy: ArtifactPolicy, at: Floats, pool: tuple[Candidate, ...] = POOL, spent: int = 0, price: float = SILENCE_PRICE
) -> dict[str, float]:
    """The probability of each candidate by name, and of silence."""
    masked = np.zeros(len(FEATURES), dtype=np.bool_)
    actions = action_features(prepare(pool), vector=at, masked=masked, tips=ServedTips(), now_us=NOW_US)
    context = Context(design.scaled_context(at, masked), silence_reward(spent, price))
    names = [*(one.id for one in pool), "silence"]
    return dict(zip(names, policy.choose(context, actions, seed=1).probabilities.tolist(), strict=True))
