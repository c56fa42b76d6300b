"""Automatic demotion: a champion whose live rewards are shown to be below what it replaced goes back.

Rewards are bet on as they come (`models.estimators.betting`), so the champion may be judged after every reward
without the error growing: a champion that is as good as its reference is demoted with probability at most 5 %, ever.

Limits: the reference is the incumbent's mean reward when it was replaced; when the whole world gets worse the champion
goes back too, which is the careful answer to a world that nobody has learned yet.
"""

from dataclasses import dataclass

import numpy as np

from models.estimators import betting

MIN_REWARDS = 30


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
            f"the replaced policy had {self.reference:.3f}"
        )


def judge(rewards: np.ndarray[tuple[int], np.dtype[np.float64]], reference: float) -> Stay | Demote:
    """Return whether a champion stays, given its live rewards (N,) in [0, 1] in the order of their decisions."""
    state = betting.begin().add(rewards)
    low, high = state.interval()
    if rewards.size >= MIN_REWARDS and high < reference:
        return Demote(rewards.size, low, high, reference)
    return Stay(rewards.size, low, high)
