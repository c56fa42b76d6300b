"""An anytime-valid confidence sequence by betting: valid under repeated looks and optional stopping.

Against each possible mean m on a grid two gamblers play, one on more and one on less; with a true m neither gets rich:
P(capital ever above 2 / alpha) <= alpha / 2 each (Ville). What is left of the grid is the interval. Bets depend on the
past alone. Parts that were played apart merge by multiplying capitals: the joint game is fair too.

Source: Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (2023), hedged capital.
Limits: rows must come in the order in which they happened; merging costs tightness, not validity; it covers the
mean of conditional means, so where the mean drifts it is an interval for their average.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRID = np.union1d(np.linspace(0.0, 1.0, 1_001), np.logspace(-5, 0, 301))
LEVEL = 0.95
TRUNCATION = 0.5
CHUNK = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Wager:
    """The state of both games over terms in [low, high]."""

    low: float
    high: float
    count: int
    total: float  # of scaled terms
    square: float  # of scaled terms around their running means
    rising: Floats  # log capital of those who bet that the mean is above each point of GRID
    falling: Floats

    def add(self, terms: Floats, level: float = LEVEL) -> "Wager":
        """Return the state after more terms (N,), in order."""
        state = self
        for start in range(0, terms.size, CHUNK):
            state = state._play(terms[start : start + CHUNK], level)
        return state

    def _play(self, terms: Floats, level: float) -> "Wager":
        x = np.clip((terms - self.low) / (self.high - self.low), 0.0, 1.0)
        number = self.count + np.arange(1, x.size + 1)
        totals = self.total + np.cumsum(x)
        means = (0.5 + totals) / (number + 1)
        squares = self.square + np.cumsum((x - means) ** 2)
        spread = (0.25 + np.append(self.square, squares[:-1])) / number  # known before each term
        bet = np.sqrt(2.0 * math.log(2.0 / (1.0 - level)) / (spread * number * np.log1p(number)))
        gain = x[:, None] - GRID
        with np.errstate(divide="ignore"):
            up = np.minimum(bet[:, None], TRUNCATION / np.maximum(GRID, 1e-12))
            down = np.minimum(bet[:, None], TRUNCATION / np.maximum(1.0 - GRID, 1e-12))
        return Wager(
            self.low,
            self.high,
            int(number[-1]),
            float(totals[-1]),
            float(squares[-1]),
            self.rising + np.log1p(up * gain).sum(axis=0),
            self.falling + np.log1p(-down * gain).sum(axis=0),
        )

    def __add__(self, other: "Wager") -> "Wager":
        """Return both games together."""
        return Wager(
            self.low,
            self.high,
            self.count + other.count,
            self.total + other.total,
            self.square + other.square,
            self.rising + other.rising,
            self.falling + other.falling,
        )

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the means that no bet has refuted; one grid step wider, so that the grid costs no coverage."""
        rich = math.log(2.0 / (1.0 - level))
        # capital for "more" only falls with m, for "less" only grows: what is left is one interval
        left = np.flatnonzero((self.rising < rich) & (self.falling < rich))
        span = self.high - self.low
        if not left.size:
            middle = self.low + span * self.total / max(self.count, 1)
            return middle, middle
        first, last = max(int(left[0]) - 1, 0), min(int(left[-1]) + 1, GRID.size - 1)
        return self.low + span * float(GRID[first]), self.low + span * float(GRID[last])


def begin(low: float = 0.0, high: float = 1.0) -> Wager:
    """Return the games before the first term."""
    return Wager(low, high, 0, 0.0, 0.0, np.zeros(GRID.size), np.zeros(GRID.size))
