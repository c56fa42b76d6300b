"""A resampling test of personalisation, for each person's posterior and for all together.

A person's posterior is asked, before each of their rewards, what it would add to the population's guess:

    gain = sum_i e_i^2 - (e_i - y_i)^2,   y_i = z_i' m_(i-1) learned from e_1 .. e_(i-1) alone

e_i is the reward minus the population's mean, z_i the person's columns of the chosen action. If nothing about the
person's tips mattered beyond how much they like tips at all, the residuals could have come in any order: they are
shuffled within the person, the part is learned anew on each shuffled life, and the gain must exceed those gains.
The part's precision does not depend on the residuals, so all shuffled lives are one matrix product: y = H e.

Source: Ghosh et al., "Did we personalize? Assessing personalization by an online reinforcement learning algorithm using
resampling" (Machine Learning 113, 2024): rerun the algorithm on lives from a model without the effect in question.
Limits: shuffling assumes that a person's residuals don't drift; actions stay as logged; rewards count as known at once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.policies.policy import Floats
from models.rewards.person_posterior import HALF_LIFE_US, PersonPrior

LIVES = 499  # shuffled ones
NEWEST = 500  # rewarded tips of a person that are looked at
MIN_TIPS = 30
LEVEL = 0.05
PERSONALISED, NOT_SHOWN, TOO_FEW = "personalised", "not shown", "not enough evidence"


class Trajectory(NamedTuple):
    """One person's rewarded tips in order: columns (n, d), residuals (n,), times (n,) in us."""

    columns: Floats
    residuals: Floats
    at_us: Floats


@dataclass(frozen=True, slots=True)
class Personal:
    """What the test says; `gain` is explained squared error of a reward, a tip; `p_value` is one-sided."""

    tips: int
    gain: float
    p_value: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Everybody together, and how many stand alone; `by_chance` would without any personalisation."""

    people: int
    gain: float
    p_value: float
    verdict: str
    personalised: int
    by_chance: float
    each: tuple[Personal, ...]  # the clearest first, and nobody's name


NOBODY = Cohort(0, float("nan"), float("nan"), TOO_FEW, 0, 0.0, ())


def did_it_personalise(prior: PersonPrior, people: list[Trajectory], rng: np.random.Generator) -> Cohort:
    """Return the test of every person with enough tips, and of all of them together."""
    enough = [_newest(each) for each in people if each.residuals.size >= MIN_TIPS]
    gains = [_gains(prior, each, rng) for each in enough]
    each = tuple(sorted((_told(gain, tip.residuals.size) for gain, tip in zip(gains, enough, strict=True)), key=_rank))
    if not gains:
        return NOBODY
    told = _told(np.sum(gains, axis=0), sum(trajectory.residuals.size for trajectory in enough))
    clear = sum(person.verdict == PERSONALISED for person in each)
    return Cohort(len(enough), told.gain, told.p_value, told.verdict, clear, LEVEL * len(enough), each)


def hat(prior: PersonPrior, columns: Floats, at_us: Floats) -> Floats:
    """Return H (n, n), strictly lower: what the person's posterior says before each reward is H @ residuals."""
    n, d = columns.shape
    weight = 2.0 ** ((at_us - at_us[0]) / HALF_LIFE_US)
    told = np.zeros((n, n))
    information = np.zeros((d, d))
    for row in range(1, n):
        last = row - 1
        information += weight[last] * np.outer(columns[last], columns[last])
        scale = 1.0 / (weight[last] * prior.noise**2)
        direction = np.linalg.solve(np.diag(prior.scale**-2.0) + scale * information, columns[row])
        told[row, :row] = (columns[:row] @ direction) * weight[:row] * scale
    return told


def _gains(prior: PersonPrior, life: Trajectory, rng: np.random.Generator) -> Floats:
    """Return (1 + LIVES,) gains: of the life as it was, then of the shuffled ones."""
    lives = np.tile(life.residuals[:, None], (1, 1 + LIVES))
    lives[:, 1:] = rng.permuted(lives[:, 1:], axis=0)
    said = hat(prior, life.columns, life.at_us) @ lives
    gains: Floats = (2.0 * lives * said - said**2).sum(axis=0)
    return gains


def _told(gains: Floats, tips: int) -> Personal:
    p_value = float((1 + (gains[1:] >= gains[0]).sum()) / gains.size)
    verdict = PERSONALISED if p_value <= LEVEL and gains[0] > 0.0 else NOT_SHOWN
    return Personal(tips, float(gains[0]) / tips, p_value, verdict)


def _newest(life: Trajectory) -> Trajectory:
    return Trajectory(*(array[-NEWEST:] for array in life))


def _rank(person: Personal) -> float:
    return person.p_value
