"""Inverse propensity scoring with weights cut at `clip`: less variance for a known bias downwards.

Source: Ionides, "Truncated Importance Sampling" (2008).
Limits: for rewards in [0, 1] the expectation is a lower bound of the value, never above it.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class ClippedIPS(Estimator):
    """Mean of min(w, clip) r."""

    NAME: ClassVar[str] = "clipped_ips"
    clip: float = 10.0

    def terms(self, batch: Batch) -> Floats:
        """Return min(w, clip) r, (N, 1)."""
        return (np.minimum(batch.weight, self.clip) * batch.reward)[:, None]

    def bounds(self, weight: float) -> Bounds | None:
        """Return [0, min(weight, clip)]."""
        return Bounds(0.0, min(weight, self.clip))
