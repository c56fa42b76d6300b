"""The Poisson bootstrap: each row counts Poisson(1) times in each replicate, so replicates stream and merge.

A row's counts depend on its place in the log and the seed alone: parts that are tallied apart add up to the whole.
Source: Chamandy et al., "Estimating Uncertainty for Massive Data Streams" (2012).
Limits: percentile intervals are approximate; with few rows, or few weights that matter, they are too narrow.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

REPLICATES = 1_000
BLOCK = 128  # rows that share one generator: small enough that a block's counts stay in the cache
PRODUCT = 1 << 17  # multiplications up to which BLAS starts no threads: on a busy machine those cost a hundredfold


def _poisson_table() -> Floats:
    """Return the Poisson(1) quantile of every 16-bit number."""
    chance = np.array([math.exp(-1.0) / math.factorial(k) for k in range(12)])
    points = (np.arange(1 << 16) + 0.5) / (1 << 16)
    return np.searchsorted(np.cumsum(chance), points).astype(np.float64)


_TABLE = _poisson_table()


def counts(seed: int, block: int, replicates: int = REPLICATES, out: Floats | None = None) -> Floats:
    """Return (replicates, BLOCK) how often each row of a block counts in each replicate."""
    rng = np.random.Generator(np.random.SFC64([seed, block]))
    points = np.frombuffer(rng.bytes(2 * replicates * BLOCK), np.uint16).reshape(replicates, BLOCK)
    return _TABLE.take(points, out=out, mode="clip")


def resampled(terms: Floats, start: int, seed: int, replicates: int = REPLICATES) -> Floats:
    """Return (replicates, K) sums of `terms` (N, K), whose first row stands at place `start` of the log."""
    total = np.zeros((replicates, terms.shape[1]))
    often = np.empty((replicates, BLOCK))
    stripe = max(PRODUCT // (BLOCK * terms.shape[1]), 1)
    at = 0
    while at < len(terms):
        block, inside = divmod(start + at, BLOCK)
        size = min(BLOCK - inside, len(terms) - at)
        drawn = counts(seed, block, replicates, often)[:, inside : inside + size]
        for low in range(0, replicates, stripe):
            total[low : low + stripe] += drawn[low : low + stripe] @ terms[at : at + size]
        at += size
    return total


def percentile_interval(values: Floats, level: float) -> tuple[float, float]:
    """Return the central interval of replicates; NaN where no replicate has a value."""
    known = values[np.isfinite(values)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
