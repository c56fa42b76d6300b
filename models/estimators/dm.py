"""The direct method: the mean of what a reward model expects of the target policy.

Source: Dudik, Langford & Li, "Doubly Robust Policy Evaluation and Learning" (2011).
Limits: as good as the model; its interval knows nothing of the model's bias.
"""

from dataclasses import dataclass
from typing import ClassVar

from models.estimators.batch import Batch
from models.estimators.estimator import Bounds, Estimator, Floats


@dataclass(frozen=True, slots=True)
class DM(Estimator):
    """Mean of sum_a pi(a) q(a)."""

    NAME: ClassVar[str] = "dm"

    def terms(self, batch: Batch) -> Floats:
        """Return the expected rewards, (N, 1)."""
        return batch.expected[:, None]

    def bounds(self, weight: float) -> Bounds | None:  # noqa: ARG002 - there are no weights
        """Return nothing: a bound on the model's mean is no bound on the value."""
        return None
