"""Doubly robust: the reward model, corrected by weighted residuals.

Source: Dudik, Langford & Li, "Doubly Robust Policy Evaluation and Learning" (2011).
Limits: unbiased only when the model was fitted on other rows than it corrects (cross-fitting).
"""

from dataclasses import dataclass
from typing import ClassVar

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class DR(Estimator):
    """Mean of q(pi) + w (r - q)."""

    NAME: ClassVar[str] = "dr"

    def terms(self, batch: Batch) -> Floats:
        """Return corrected expectations, (N, 1)."""
        return (batch.expected + batch.weight * (batch.reward - batch.predicted))[:, None]

    def bounds(self, weight: float) -> Bounds | None:
        """Return [-weight, 1 + weight], for predictions in [0, 1]."""
        return Bounds(-weight, 1.0 + weight)
