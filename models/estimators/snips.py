"""Self-normalised inverse propensity scoring: sum of w r over sum of w.

Source: Swaminathan & Joachims, "The Self-Normalized Estimator for Counterfactual Learning" (2015).
Limits: biased by O(1/n); undefined (NaN) while no logged action has weight.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class SNIPS(Estimator):
    """Sum of w r over sum of w."""

    NAME: ClassVar[str] = "snips"
    TERMS: ClassVar[int] = 2

    def terms(self, batch: Batch) -> Floats:
        """Return w r and w, (N, 2)."""
        weight = batch.weight
        return np.stack((weight * batch.reward, weight), axis=1)

    def value(self, sums: Floats, count: Floats) -> Floats:  # noqa: ARG002 - the weights are the count
        """Return the ratio of the sums."""
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio: Floats = sums[..., 0] / sums[..., 1]
        return ratio

    def bounds(self, weight: float) -> Bounds | None:  # noqa: ARG002 - a ratio has no terms
        """Return nothing: a ratio is no mean of terms."""
        return None
