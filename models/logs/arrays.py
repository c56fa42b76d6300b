"""Logged decisions as arrays, chunk by chunk: the common form of every kind of log."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

FOLDS = 5
MIN_PROPENSITY = 1e-12  # below it a weight says more about rounding than about the choice


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """N decisions with their rewards; what belongs to actions is flat, row i's at [offsets[i], offsets[i + 1])."""

    start: int  # the first row's place in the log
    reward: Floats  # (N,), in [0, 1]
    propensity: Floats  # (N,), in [MIN_PROPENSITY, 1]
    taken: Indices  # (N,) the logged action's place in the flat arrays
    offsets: Indices  # (N + 1,)
    fold: Indices  # (N,) in [0, FOLDS): a reward model never predicts rows of a fold that it was fitted on
    probabilities: Floats | None  # (M,) of the logging policy, None where the log holds only the propensity

    @property
    def counts(self) -> Indices:
        """How many actions each row had, (N,)."""
        return np.diff(self.offsets)

    def per_row(self, flat: Floats) -> Floats:
        """Return (N,) sums of a flat array (M,) over each row's actions."""
        sums: Floats = np.add.reduceat(flat, self.offsets[:-1])
        return sums


class RewardModel(Protocol):
    """Rewards that were learned from other folds than those they are predicted for."""

    def predict(self, rows: Logged) -> Floats:
        """Return (M,) expected rewards in [0, 1] of every action of every row."""
        ...


class Target(Protocol):
    """A policy that is to be evaluated, as probabilities of every logged action."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    def probabilities(self, rows: Logged) -> Floats:
        """Return (M,), summing to 1 over each row's actions; rows come in the order of the log."""
        ...


class Log(Protocol):
    """A log that can be read more than once, and learns its own reward model."""

    @property
    def simulated(self) -> bool:
        """Whether any row is simulated: then nothing of it is evidence."""
        ...

    def chunks(self) -> Iterator[Logged]:
        """Yield the rewarded rows in order; raises `Malformed` naming the row and the rule."""
        ...

    def reward_model(self) -> RewardModel:
        """Return the cross-fitted reward model of this log."""
        ...
