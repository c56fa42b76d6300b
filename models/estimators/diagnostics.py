"""Diagnostics of an evaluation: effective sample size, and whether the log has the propensities that it claims.

    ess          (sum w)^2 / sum w^2
    overlap      share of the target's probability that lies on actions which the log could have taken
    top_share    share of all weight that the heaviest one per cent of the rows hold
    largest      the heaviest single weight as a share of all
    weight_z     (mean w - 1) / its standard error: far from 0 the propensities or the overlap are wrong
    calibration  largest gap between logged probabilities and how often actions were taken, over deciles, in sigmas

Limits: the heaviest rows are kept up to `KEPT`, so above 100 x KEPT rows `top_share` is of those.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

KEPT = 4_096
DECILES = 10


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """The numbers, ready to print; `calibration` is None where the log holds no full distributions."""

    n: int
    ess: float
    overlap: float
    top_share: float
    largest: float
    weight_z: float
    calibration: float | None


@dataclass(frozen=True, slots=True, eq=False)
class WeightTally:
    """Sums over rows; tallies of parts add up."""

    count: int = 0
    total: float = 0.0
    square: float = 0.0
    covered: float = 0.0
    heaviest: Floats = field(default_factory=lambda: np.zeros(0))
    calibration: Floats = field(default_factory=lambda: np.zeros((DECILES, 3)))  # taken, expected, variance

    def __add__(self, other: "WeightTally") -> "WeightTally":
        """Return the tally of both parts."""
        heaviest = np.sort(np.concatenate((self.heaviest, other.heaviest)))[::-1][:KEPT]
        return WeightTally(
            self.count + other.count,
            self.total + other.total,
            self.square + other.square,
            self.covered + other.covered,
            heaviest,
            self.calibration + other.calibration,
        )

    def read(self) -> Diagnostics:
        """Return the numbers; NaN where there is no weight at all."""
        if self.count == 0 or self.total <= 0.0:
            nan = math.nan
            return Diagnostics(self.count, 0.0, self.covered / max(self.count, 1), nan, nan, nan, self._gap())
        mean = self.total / self.count
        error = math.sqrt(max(self.square / self.count - mean**2, 0.0) / self.count)
        top = self.heaviest[: max(self.count // 100, 1)]
        return Diagnostics(
            n=self.count,
            ess=self.total**2 / self.square,
            overlap=self.covered / self.count,
            top_share=float(top.sum()) / self.total,
            largest=float(self.heaviest[0]) / self.total,
            weight_z=(mean - 1.0) / error if error > 0.0 else 0.0,
            calibration=self._gap(),
        )

    def _gap(self) -> float | None:
        taken, expected, variance = self.calibration.T
        seen = variance > 0.0
        return float((np.abs(taken - expected)[seen] / np.sqrt(variance[seen])).max()) if seen.any() else None


def tally_weights(weight: Floats, covered: Floats) -> WeightTally:
    """Return the tally of N rows: their weights, and how much of the target's probability the log supports."""
    return WeightTally(
        weight.size, float(weight.sum()), float(weight @ weight), float(covered.sum()), np.sort(weight)[::-1][:KEPT]
    )


def tally_calibration(probabilities: Floats, taken: NDArray[np.bool_]) -> WeightTally:
    """Return the tally of logged distributions, flat over all rows' actions, and which action was taken."""
    decile = np.minimum((probabilities * DECILES).astype(np.intp), DECILES - 1)
    columns = (taken.astype(np.float64), probabilities, probabilities * (1.0 - probabilities))
    table = np.stack([np.bincount(decile, column, minlength=DECILES).astype(np.float64) for column in columns], axis=1)
    return WeightTally(calibration=table)
