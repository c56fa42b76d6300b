"""Doubly robust with optimistic shrinkage: weights w become shrink w / (w^2 + shrink).

Source: Su, Dimakopoulou, Krishnamurthy & Dudik, "Doubly Robust Off-policy Evaluation with Shrinkage" (2020).
Limits: `shrink` is set beforehand and not tuned on the same data; small values lean on the model.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class DRos(Estimator):
    """Mean of q(pi) + shrunk weight (r - q)."""

    NAME: ClassVar[str] = "dros"
    shrink: float = 100.0

    def terms(self, batch: Batch) -> Floats:
        """Return corrected expectations, (N, 1)."""
        weight = batch.weight
        shrunk = weight if math.isinf(self.shrink) else self.shrink * weight / (weight**2 + self.shrink)
        return (batch.expected + shrunk * (batch.reward - batch.predicted))[:, None]

    def bounds(self, weight: float) -> Bounds | None:
        """Return the range of the shrunk weights: at most sqrt(shrink) / 2."""
        largest = min(weight, math.sqrt(self.shrink) / 2)
        return Bounds(-largest, 1.0 + largest)
