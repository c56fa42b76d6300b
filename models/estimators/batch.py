"""What every estimator sees of logged decisions: five numbers a row."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Batch(NamedTuple):
    """N logged decisions under a target policy; all arrays are (N,)."""

    reward: Floats  # in [0, 1]
    propensity: Floats  # of the logged action under the policy that took it, in (0, 1]
    target: Floats  # of the same action under the target policy, in [0, 1]
    expected: Floats  # sum over actions of target probability times predicted reward
    predicted: Floats  # the predicted reward of the logged action
    start: int = 0  # the first row's place in the log: what a row's bootstrap weights are made of

    @property
    def weight(self) -> Floats:
        """Importance weights, (N,)."""
        weights: Floats = self.target / self.propensity
        return weights

    def rows(self, low: int, high: int) -> "Batch":
        """Return the rows [low, high) at their place."""
        part = slice(low, high)
        return Batch(
            self.reward[part],
            self.propensity[part],
            self.target[part],
            self.expected[part],
            self.predicted[part],
            self.start + low,
        )
