"""The estimator protocol: additive terms per row, and a value of their sums, so that all of them stream and merge."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.estimators.batch import Batch

Floats = NDArray[np.float64]


class Bounds(NamedTuple):
    """What a single term can be at most and at least."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimator(ABC):
    """An off-policy estimator of a policy's mean reward; `TERMS` columns a row."""

    NAME: ClassVar[str]
    TERMS: ClassVar[int] = 1

    @abstractmethod
    def terms(self, batch: Batch) -> Floats:
        """Return (N, TERMS)."""

    def value(self, sums: Floats, count: Floats) -> Floats:
        """Return (...,) estimates of sums (..., TERMS) over `count` (...,) rows; by default the mean of one term."""
        mean: Floats = sums[..., 0] / count
        return mean

    @abstractmethod
    def bounds(self, weight: float) -> Bounds | None:
        """Return the range of a term when weights are at most `weight`; None where the value is no mean of terms."""
