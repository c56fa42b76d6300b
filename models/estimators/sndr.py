"""Self-normalised doubly robust: the correction is divided by the mean weight.

Source: Thomas & Brunskill, "Data-Efficient Off-Policy Policy Evaluation" (2016), weighted doubly robust, one step.
Limits: biased by O(1/n); undefined (NaN) while no logged action has weight.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class SNDR(Estimator):
    """Mean of q(pi), plus sum of w (r - q) over sum of w."""

    NAME: ClassVar[str] = "sndr"
    TERMS: ClassVar[int] = 3

    def terms(self, batch: Batch) -> Floats:
        """Return expectations, weighted residuals and weights, (N, 3)."""
        weight = batch.weight
        return np.stack((batch.expected, weight * (batch.reward - batch.predicted), weight), axis=1)

    def value(self, sums: Floats, count: Floats) -> Floats:
        """Return the mean expectation and the normalised correction."""
        with np.errstate(invalid="ignore", divide="ignore"):
            corrected: Floats = sums[..., 0] / count + sums[..., 1] / sums[..., 2]
        return corrected

    def bounds(self, weight: float) -> Bounds | None:  # noqa: ARG002 - a ratio has no terms
        """Return nothing: a ratio is no mean of terms."""
        return None
