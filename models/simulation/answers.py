"""Simulated reactions: how likely each outcome of a tip is, and the reward it brings.

    u    = base + taste_p,topic + todo_p todo + open_p + 0.5 cos(2 pi (hour - peak_p) / 24)
           + fit(topic, moment) - cost(effort, moment) - intrusion(moment) - wear(tip history)
    P(done)        = sigmoid(u)
    P(not_for_me)  = (1 - P(done)) sigmoid(-2.6 - 1.2 taste_p,topic + 1.2 rejected + 0.4 intrusion)
    P(not_now)     = (1 - P(done) - P(not_for_me)) sigmoid(-1.0 + intrusion)
    P(ignored)     = the rest

`fit`, `cost`, `intrusion` and `wear` are the sums below: plain statements about people, with no term for the policy
that is to be trained. Energy and mood are the true ones, also where consent hides them.
"""
# ruff: noqa: PLR2004 - the numbers are the equations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.rewards import REWARDS, Outcome
from data_contracts.tips import Topic
from models.rewards.action_features import ACTION
from models.simulation.moments import Moments
from models.simulation.offers import TOPICS, Offers
from models.simulation.people import People

Floats = NDArray[np.float64]

BASE = -1.3
OUTCOMES = (Outcome.DONE, Outcome.NOT_FOR_ME, Outcome.NOT_NOW, Outcome.IGNORED)
OUTCOME_REWARDS = np.array([REWARDS[outcome] for outcome in OUTCOMES])


class Answers(NamedTuple):
    """Probabilities of `OUTCOMES` for N tips, (N, 4), and the expected rewards, (N,)."""

    probabilities: Floats
    expected: Floats

    def rewards(self, rng: np.random.Generator) -> Floats:
        """Return (N,) rewards of outcomes drawn from the probabilities."""
        point = rng.random((self.expected.size, 1))
        outcome = (point > np.cumsum(self.probabilities[:, :-1], axis=1)).sum(axis=1)
        rewards: Floats = OUTCOME_REWARDS[outcome]
        return rewards


def answers(who: People, at: Moments, offer: Offers) -> Answers:
    """Return how each person would answer the candidate offered at their moment."""
    rows = np.arange(offer.topic.size)
    taste = who.taste[rows, offer.topic]
    todo = offer.actions[:, ACTION["todo"]]
    receptive = 0.5 * np.cos(2 * np.pi * (at.hour - who.peak_h) / 24)
    intrusion = _intrusion(at)
    utility = (
        BASE + taste + who.todo * todo + who.openness + receptive
        + _fit(at, offer) - _cost(at, offer) - intrusion - _wear(at, offer)
    )  # fmt: skip
    done = _sigmoid(utility)
    rejected = offer.actions[:, ACTION["rejected_lately"]]
    never = (1 - done) * _sigmoid(-2.6 - 1.2 * taste + 1.2 * rejected + 0.4 * intrusion)
    later = (1 - done - never) * _sigmoid(-1.0 + intrusion)
    probabilities = np.stack([done, never, later, 1 - done - never - later], axis=1)
    return Answers(probabilities, probabilities @ OUTCOME_REWARDS)


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _tired(at: Moments) -> Floats:
    """Return 0 at energy 3 and above, 1 at energy 1."""
    return np.maximum(3 - at.true["energy_last"], 0) / 2


def _low(at: Moments) -> Floats:
    """Return 0 at mood 3 and above, 1 at mood 1."""
    return np.maximum(3 - at.true["mood_last"], 0) / 2


def _fit(at: Moments, offer: Offers) -> Floats:
    """Return how well each candidate answers its moment."""
    t, a = at.true, offer.actions
    tired, low = _tired(at), _low(at)
    fresh = np.maximum(t["energy_last"] - 3, 0) / 2
    evening, morning = at.hour >= 18, at.hour < 11
    long_sitting = np.clip(t["minutes_in_place"] / 120, 0, 1.5) * (0.5 + 0.5 * t["on_desktop"])
    per_topic = {
        Topic.TASKS: 2.6 * a[:, ACTION["urgent_and_fits"]] + 0.5 * a[:, ACTION["priority"]]
        + 0.4 * np.minimum(t["tasks_overdue"] / 4, 1) * (1 - a[:, ACTION["personal"]]) - 0.6 * tired,
        Topic.CALENDAR: 0.7 * np.minimum(t["busy_min_next_24h"] / 360, 1) + 0.5 * evening - 0.4,
        Topic.HABITS: 2.9 * t["streak_at_risk"] * evening + 0.7 * t["streak_at_risk"]
        + 0.4 * np.minimum(t["habits_left_today"], 3) / 3 - 1.2 * (t["habits_left_today"] == 0),
        Topic.MOOD: 1.4 * low - 0.7 * (1 - low) + 0.3 * np.minimum(t["hours_since_mood"] / 24, 1),
        Topic.FOCUS: 0.9 * fresh + 0.8 * np.minimum(t["longest_gap_12h_min"] / 180, 1) * morning - 1.0 * evening
        - 0.7 * tired,
        Topic.REST: 1.9 * tired + 0.8 * low + 0.5 * np.minimum(t["busy_min_next_24h"] / 480, 1) - 0.6 * fresh,
        Topic.MOVEMENT: 1.6 * long_sitting - 0.3 - 0.3 * tired,
        Topic.SOCIAL: 0.6 * t["is_weekend"] + 0.5 * low + 0.4 * evening - 0.3,
        Topic.LEARNING: 0.6 * fresh + 0.5 * (t["free_gap_min"] > 60) - 0.5 * t["at_work"] - 0.8 * tired,
    }  # fmt: skip
    fit: Floats = np.stack([per_topic[topic] for topic in TOPICS])[offer.topic, np.arange(offer.topic.size)]
    return fit + 0.3 * a[:, ACTION["personal"]] + 0.4 * a[:, ACTION["narrow_window"]]


def _cost(at: Moments, offer: Offers) -> Floats:
    """Return what the effort costs: more when tired, when late, or when it does not fit the gap."""
    effort = offer.actions[:, ACTION["effort"]]
    late = at.hour >= 20.5
    too_long = offer.effort_min > at.true["free_gap_min"]
    return effort * (0.6 + 1.2 * _tired(at) + 0.9 * late) + 1.2 * too_long


def _intrusion(at: Moments) -> Floats:
    """Return how unwelcome any tip is now."""
    t = at.true
    return 3.0 * t["focus_mode"] + 1.8 * t["in_event"] + 0.5 * (t["free_gap_min"] < 10)


def _wear(at: Moments, offer: Offers) -> Floats:
    """Return how worn out tips in general, and this cluster in particular, are."""
    t, a = at.true, offer.actions
    dismissed = t["not_now_24h"] * np.exp(-t["hours_since_tip"] / 3)
    return (
        0.15 * t["tips_shown_24h"] + 0.7 * np.minimum(dismissed, 3) + 1.2 * np.exp(-t["hours_since_tip"] / 1.5)
        + 0.12 * t["not_for_me_30d"] - 1.0 * (t["done_share_30d"] - 0.4)
        + 0.9 * a[:, ACTION["shown_lately"]] - 0.2 * a[:, ACTION["done_lately"]]
        + 1.6 * a[:, ACTION["deferred_lately"]] + 2.2 * a[:, ACTION["rejected_lately"]]
    )  # fmt: skip
