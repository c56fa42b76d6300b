"""Switch: doubly robust where the weight is at most `threshold`, the reward model alone elsewhere.

Source: Wang, Agarwal & Dudik, "Optimal and Adaptive Off-policy Evaluation in Contextual Bandits" (2017).
Limits: beyond the threshold the model's bias stays.
"""

from dataclasses import dataclass
from typing import ClassVar

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class SwitchDR(Estimator):
    """Mean of q(pi) + w (r - q) where w <= threshold, q(pi) elsewhere."""

    NAME: ClassVar[str] = "switch_dr"
    threshold: float = 10.0

    def terms(self, batch: Batch) -> Floats:
        """Return corrected expectations, (N, 1)."""
        weight = batch.weight
        kept = (weight <= self.threshold) * weight
        return (batch.expected + kept * (batch.reward - batch.predicted))[:, None]

    def bounds(self, weight: float) -> Bounds | None:
        """Return the range with weights cut at the threshold."""
        largest = min(weight, self.threshold)
        return Bounds(-largest, 1.0 + largest)
