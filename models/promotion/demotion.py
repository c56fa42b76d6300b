"""Automatic demotion: of a champion whose live rewards are shown to be below its predecessor's.

Rewards are bet on as they come (`models.estimators.betting`), so the champion may be judged after every reward
without the error growing: a champion that is as good as its reference is demoted with probability at most 5 %, ever.

The reference is itself a lower bound (`promise`), not a mean: one lucky week of the replaced policy demotes nobody.

Limits: the reference is of the time before the change; when the whole world gets worse the champion goes back too,
which is the careful answer to a world that nobody has learned yet.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.estimators import betting

Floats = NDArray[np.float64]

MIN_REWARDS = 30
EVERY = 300  # rewards between the beginnings of two sequences
ERROR = 0.05
PROMISED = 1_000  # rewards that a promise is made of, the newest ones


@dataclass(frozen=True, slots=True)
class Stay:
    """The champion stays; the interval holds its mean live reward."""

    count: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Demote:
    """The champion goes: even the upper bound of its mean live reward lies below the reference."""

    count: int
    low: float
    high: float
    reference: float

    @property
    def reason(self) -> str:
        """One sentence with the numbers."""
        return (
            f"mean live reward is in [{self.low:.3f}, {self.high:.3f}] after {self.count} rewards, "
            f"the replaced policy had at least {self.reference:.3f}"
        )


def promise(rewards: Floats) -> float | None:
    """Return the lower bound of a policy's mean reward from its newest rewards (N,); None where they are too few."""
    newest = rewards[-PROMISED:]
    return betting.begin().add(newest).interval()[0] if newest.size >= MIN_REWARDS else None


def judge(rewards: Floats, reference: float | None) -> Stay | Demote:
    """Return whether a champion stays, given its live rewards (N,) in [0, 1] in the order of their decisions.

    A new sequence begins at every `EVERY`th reward, the k-th one at level 1 - 0.05 * 6 / (pi k)^2, so that a world that
    turns late is seen as soon as one that turns early, and all of them together err with probability at most 5 %, ever.
    """
    whole = betting.begin().add(rewards).interval()
    if reference is None:
        return Stay(rewards.size, *whole)
    for number, start in enumerate(range(0, rewards.size - MIN_REWARDS + 1, EVERY), start=1):
        level = 1.0 - ERROR * 6.0 / (math.pi * number) ** 2
        low, high = betting.begin().add(rewards[start:], level).interval(level)
        if high < reference:
            return Demote(rewards.size - start, low, high, reference)
    return Stay(rewards.size, *whole)
