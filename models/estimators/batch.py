"""The input of every estimator: five numbers per logged decision."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Batch(NamedTuple):
    """N logged decisions under a target policy; all arrays are (N,)."""

    reward: Floats  # in [0, 1]
    propensity: Floats  # of the logged action under the policy that took it, in [1e-12, 1]
    target: Floats  # of the same action under the target policy, in [0, 1]
    expected: Floats  # sum over actions of target probability times predicted reward
    predicted: Floats  # the predicted reward of the logged action
    start: int = 0  # the first row's place in the log: what a row's bootstrap weights are made of

    @property
    def weight(self) -> Floats:
        """Importance weights, (N,)."""
        weights: Floats = self.target / self.propensity
        return weights

    def where(self, chosen: NDArray[np.bool_]) -> "Batch":
        """Return the rows of a mask (N,), at places of their own."""
        return Batch(
            self.reward[chosen],
            self.propensity[chosen],
            self.target[chosen],
            self.expected[chosen],
            self.predicted[chosen],
        )

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


def joined(batches: list[Batch]) -> Batch:
    """Return all rows of a log as one batch."""
    return Batch(
        np.concatenate([each.reward for each in batches]),
        np.concatenate([each.propensity for each in batches]),
        np.concatenate([each.target for each in batches]),
        np.concatenate([each.expected for each in batches]),
        np.concatenate([each.predicted for each in batches]),
    )
