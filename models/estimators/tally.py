"""The sums of all estimators with their bootstrap replicates; tallies of parts add up to the whole."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.estimators import ESTIMATORS, Estimator
from models.estimators.batch import Batch
from models.estimators.bootstrap import REPLICATES, resampled

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums of K terms: one of 1, one of the logged rewards, then each estimator's."""

    estimators: tuple[Estimator, ...]
    seed: int
    sums: Floats  # (K,)
    squares: Floats  # (K,)
    replicates: Floats  # (R, K)

    @property
    def count(self) -> int:
        """Rows so far."""
        return int(self.sums[0])

    def add(self, batch: Batch) -> "Tally":
        """Return the tally with more rows."""
        ones = np.ones(batch.reward.size)
        columns = [ones[:, None], batch.reward[:, None], *(each.terms(batch) for each in self.estimators)]
        terms = np.concatenate(columns, axis=1)
        replicates = self.replicates
        if len(replicates):
            replicates = replicates + resampled(terms, batch.start, self.seed, len(replicates))
        return Tally(
            self.estimators,
            self.seed,
            self.sums + terms.sum(axis=0),
            self.squares + np.einsum("ij,ij->j", terms, terms),
            replicates,
        )

    def __add__(self, other: "Tally") -> "Tally":
        """Return the tally of both parts."""
        return Tally(
            self.estimators,
            self.seed,
            self.sums + other.sums,
            self.squares + other.squares,
            self.replicates + other.replicates,
        )

    def value(self, estimator: Estimator) -> float:
        """Return an estimate; NaN where it is undefined."""
        place = self._place(estimator)
        return float(estimator.value(self.sums[place], self.sums[0]))

    def resampled(self, estimator: Estimator) -> Floats:
        """Return (R,) estimates of the replicates."""
        return estimator.value(self.replicates[:, self._place(estimator)], np.maximum(self.replicates[:, 0], 1.0))

    @property
    def logged(self) -> float:
        """The mean reward of the log."""
        return float(self.sums[1] / self.sums[0])

    def resampled_logged(self) -> Floats:
        """Return (R,) mean rewards of the replicates: subtract them and the difference is paired."""
        mean: Floats = self.replicates[:, 1] / np.maximum(self.replicates[:, 0], 1.0)
        return mean

    def moments(self, estimator: Estimator) -> tuple[float, float]:
        """Return mean and sample variance of the first term of an estimator."""
        at = self._place(estimator).start
        mean = float(self.sums[at] / self.sums[0])
        variance = max(float(self.squares[at] / self.sums[0]) - mean**2, 0.0) * self.count / max(self.count - 1, 1)
        return mean, variance

    def _place(self, estimator: Estimator) -> slice:
        start = 2
        for each in self.estimators:
            if each == estimator:
                return slice(start, start + each.TERMS)
            start += each.TERMS
        raise ValueError(f"{estimator.NAME} is not tallied here")


def begin(estimators: tuple[Estimator, ...] = ESTIMATORS, *, seed: int = 1, replicates: int = REPLICATES) -> Tally:
    """Return the tally of no rows."""
    terms = 2 + sum(each.TERMS for each in estimators)
    return Tally(estimators, seed, np.zeros(terms), np.zeros(terms), np.zeros((replicates, terms)))
