"""Inverse propensity scoring: the mean of w r.

Source: Horvitz & Thompson (1952). Unbiased when every action of the target was possible in the log.
Limits: the variance grows with the weights; a value above the largest reward is possible.
"""

from dataclasses import dataclass
from typing import ClassVar

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class IPS(Estimator):
    """Mean of w r."""

    NAME: ClassVar[str] = "ips"

    def terms(self, batch: Batch) -> Floats:
        """Return w r, (N, 1)."""
        return (batch.weight * batch.reward)[:, None]

    def bounds(self, weight: float) -> Bounds | None:
        """Return [0, weight]."""
        return Bounds(0.0, weight)
