"""The empirical Bernstein interval of a mean of bounded terms, valid at every sample size.

Source: Maurer & Pontil, "Empirical Bernstein Bounds and Sample-Variance Penalization" (2009), theorem 4, both sides.
Limits: the range must be known beforehand; with large weights it is wide, and that is the truth.
"""

import math


def interval(
    *, count: int, mean: float, variance: float, low: float, high: float, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval at `level` of the mean of `count` terms in [low, high] with that sample variance."""
    if count < 2:  # noqa: PLR2004 - one row has no variance
        return low, high
    log = math.log(4.0 / (1.0 - level))  # two bounds on two sides
    reach = math.sqrt(2.0 * variance * log / count) + 7.0 * (high - low) * log / (3.0 * (count - 1))
    return max(mean - reach, low), min(mean + reach, high)
