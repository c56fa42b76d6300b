"""Runs a simulation: policies side by side in one scenario, each learning from its own rewards, day by day.

    u(p, topic, hour)  = -0.6 + taste_p,topic + 0.5 cos(2 pi (hour - peak_p) / 24)
                         - fatigue shown_today - habituation wear
    P(done)            = sigmoid(u),  P(not for me) = (1 - P(done)) sigmoid(-2.6 - 1.2 taste)
    P(not now)         = (1 - P(done) - P(not for me)) 0.3,  ignored otherwise
    wear_p,topic       = sum over its earlier tips of 2^(-age / habituation_days)
    taste              : half the crowd's, half the person's; a random walk with step `drift` a day; on `event_days`
                         half redrawn for everybody, and for each person on days of their own, `events_a_month` of
                         them, together with half of peak_p; -|taste| from turn_day on
    a reward arrives after an exponential delay; until then nothing is learned; `missing` of them never come and
    count as ignored when they would have come

The world is common: all policies meet the same people, hours, offers and random numbers, so differences are paired.
Policies choose one topic of the offered candidates, or silence. Regret is against who knows every taste and wear.

How policies learn stands in `models.simulation.learners`, how they choose in `models.policies`. Everything is
vectorised over people. What a policy does depends on the seed and its name, not on which others are tried, so they may
run in any order and in any number of processes.
Limits: contexts are topic, hour and wear, not the whole feature table: it tries ways of choosing, not feature designs.
"""

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.rewards import REWARDS, Outcome, silence_reward
from data_contracts.tips import Topic
from models.policies.policy import Floats, Indices
from models.simulation.answers import OUTCOME_REWARDS
from models.simulation.learners import Learner
from models.simulation.scenario import Scenario

TOPICS = len(Topic)
BASE = -0.6
WAKING_H = 14.0
FIRST_H = 8.0
PEAK_H, PEAK_SPREAD_H = 13.0, 3.0
MONTH_DAYS = 30.0
DEFAULT = REWARDS[Outcome.IGNORED]


@dataclass(slots=True, eq=False)
class World:
    """What is hidden: (P, topics) tastes and (P,) peak hours, moving on day by day."""

    scenario: Scenario
    taste: Floats
    peak_h: Floats

    def next_day(self, day: int, rng: np.random.Generator) -> None:
        """Let tastes drift, life turn and the world turn."""
        self.taste = self.taste + rng.normal(0.0, self.scenario.drift, self.taste.shape)
        struck = rng.random(self.peak_h.size) < self.scenario.events_a_month / MONTH_DAYS
        other = rng.normal(0.0, self.scenario.tastes, self.taste.shape)
        moved = np.where(struck, rng.normal(PEAK_H, PEAK_SPREAD_H, self.peak_h.size), self.peak_h)
        self.peak_h = 0.5 * (self.peak_h + moved)
        if day in self.scenario.event_days:
            struck = np.ones_like(struck)
        self.taste = np.where(struck[:, None], 0.5 * (self.taste + other), self.taste)
        if day == self.scenario.turn_day:
            self.taste = -np.abs(self.taste)


def world(scenario: Scenario, people: int, rng: np.random.Generator) -> World:
    """Return a new world: half of a taste is the crowd's, half the person's."""
    crowd = rng.normal(0.0, scenario.tastes, TOPICS)
    own = rng.normal(0.0, scenario.tastes, (people, TOPICS))
    return World(scenario, (crowd + own) / np.sqrt(2.0), rng.normal(PEAK_H, PEAK_SPREAD_H, people))


class Point(NamedTuple):
    """One decision point of every person: (P, n) offered topics and the numbers that the world would draw."""

    hour: float
    topics: Indices
    luck: Floats  # (P, 3): outcome, whether the answer is missing, its delay in means


class Waiting(NamedTuple):
    """N answers on their way: who, about what, (N, 2) hour of arrival and reward, and what the policy saw."""

    people: Indices
    topics: Indices
    answer: Floats
    features: Floats

    def where(self, chosen: NDArray[np.bool_]) -> "Waiting":
        """Return those of a mask."""
        return Waiting(self.people[chosen], self.topics[chosen], self.answer[chosen], self.features[chosen])


@dataclass(slots=True, eq=False)
class Life:
    """What one policy has done to its people: wear, tips of today, and the rewards that have not come yet."""

    learner: Learner
    wear: Floats  # (P, topics)
    shown: Floats  # (P,) today
    pending: list[Waiting]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Sums over the points of a day, (D, P): reward, expected regret, silences, not-for-me, decisions."""

    reward: Floats
    regret: Floats
    silent: Floats
    not_for_me: Floats
    decisions: int  # for each person


def simulate(
    scenario: Scenario, learners: dict[str, Learner], *, people: int, days: int, seed: int
) -> dict[str, Outcomes]:
    """Return what every policy brought; the same seed gives the same numbers."""
    rng = np.random.default_rng([seed, 0])
    hidden = world(scenario, people, rng)
    choosing = {name: np.random.default_rng([seed, 1, zlib.crc32(name.encode())]) for name in learners}
    lives = {name: Life(each, np.zeros((people, TOPICS)), np.zeros(people), []) for name, each in learners.items()}
    sums = {name: np.zeros((4, days, people)) for name in learners}
    for day in range(days):
        hidden.next_day(day, rng)
        points = [_point(scenario, people, slot, rng) for slot in range(scenario.tips_a_day)]
        for name, life in lives.items():
            life.wear *= 2.0 ** (-1.0 / scenario.habituation_days)
            life.shown[:] = 0.0
            life.learner.forget_a_day()
            for point in points:
                now_h = 24.0 * day + point.hour
                _arrivals(life, now_h)
                sums[name][:, day] += _live(hidden, life, point, now_h, choosing[name])
    count = days * scenario.tips_a_day
    return {name: Outcomes(each[0], each[1], each[2], each[3], count) for name, each in sums.items()}


def _point(scenario: Scenario, people: int, slot: int, rng: np.random.Generator) -> Point:
    hour = FIRST_H + WAKING_H * (slot + rng.random()) / scenario.tips_a_day
    topics = rng.integers(TOPICS, size=(people, scenario.candidates))
    luck = np.stack((rng.random(people), rng.random(people), rng.exponential(1.0, people)), axis=1)
    return Point(hour, topics, luck)


def _live(hidden: World, life: Life, point: Point, now_h: float, rng: np.random.Generator) -> Floats:
    """Return (4, P): reward, expected regret, silent, not for me; and let the policy see what it may see."""
    scenario = hidden.scenario
    rows = np.arange(point.topics.shape[0])
    chances = _chances(hidden, life, point)
    expected = chances @ OUTCOME_REWARDS
    prices = np.array([silence_reward(spent) for spent in range(scenario.tips_a_day + 1)])
    silence = prices[life.shown.astype(np.intp)]
    x = life.learner.features(point.hour, life.wear)
    picks = life.learner.choose(point.topics, x, silence, rng)
    silent = picks == point.topics.shape[1]
    taken = np.minimum(picks, point.topics.shape[1] - 1)
    outcome = (point.luck[:, :1] > np.cumsum(chances[rows, taken][:, :-1], axis=1)).sum(axis=1)
    reward = np.where(silent, silence, OUTCOME_REWARDS[outcome])
    best = np.maximum(expected.max(axis=1), silence)
    topic = point.topics[rows, taken]
    told = np.flatnonzero(~silent)
    missing = point.luck[told, 1] < scenario.missing
    arrives = now_h + scenario.delay_hours * point.luck[told, 2]
    seen = np.where(missing, DEFAULT, reward[told])
    life.pending.append(Waiting(told, topic[told], np.column_stack((arrives, seen)), x[told, topic[told]]))
    np.add.at(life.wear, (told, topic[told]), 1.0)
    life.shown[told] += 1.0
    value = np.where(silent, silence, expected[rows, taken])
    return np.stack((reward, best - value, silent, (outcome == 1) & ~silent))


def _chances(hidden: World, life: Life, point: Point) -> Floats:
    """Return (P, n, outcomes)."""
    scenario = hidden.scenario
    taste = np.take_along_axis(hidden.taste, point.topics, axis=1)
    receptive = 0.5 * np.cos(2 * np.pi * (point.hour - hidden.peak_h) / 24)
    wear = np.take_along_axis(life.wear, point.topics, axis=1)
    utility = BASE + taste + (receptive - scenario.fatigue * life.shown)[:, None] - scenario.habituation * wear
    done = 1 / (1 + np.exp(-utility))
    never = (1 - done) / (1 + np.exp(2.6 + 1.2 * taste))
    later = (1 - done - never) * 0.3
    return np.stack((done, never, later, 1 - done - never - later), axis=2)


def _arrivals(life: Life, now_h: float) -> None:
    """Let the policy learn the answers that have come by now, in the order in which they were waiting."""
    if not life.pending:
        return
    waiting = joined(life.pending)
    here = waiting.answer[:, 0] <= now_h
    come = waiting.where(here)
    if come.people.size:
        life.learner.learn(come.people, come.topics, come.features, come.answer[:, 1])
    life.pending = [waiting.where(~here)]


def joined(parts: list[Waiting]) -> Waiting:
    """Return all that wait as one."""
    return Waiting(*(np.concatenate(each) for each in zip(*parts, strict=True)))
