"""Statistical power: how many days it takes to detect a difference.

    n = (z_0.995 + z_0.8)^2 variance / difference^2        rewarded decisions
    days = n / (people x decisions a day)

Shown means: the lower bound of the 99 % interval lies above 0. It should err in 0.5 % of logs; a percentile bootstrap
of heavy weights errs up to twice as often as it says (measured: 2.0 % instead of 1 % for a challenger that is only just
worse), and at most 1 % of worse challengers may pass. Power is 80 %.

`VARIANCE` is that of one row's term in the paired difference, q(pi) + w (r - q) - r. It only plans: every verdict takes
its interval from its own log. It is the largest of the pairs of policies of the simulated world whose challenger is
better, rounded up to a half, a rule that `benchmarks/log_variance.py` states, measures and holds against the constant.
`benchmarks/gate_errors.py` asks the gate's rules at the table's sizes on other seeds; `docs/learning.md` prints the
table.

Limits: rows of one person are correlated, so with few people the true need is larger; a challenger that is far from
the incumbent needs more rows, one that is close needs fewer (measured variances: 0.03 to 1.85 where it is better).
"""

import math
from typing import NamedTuple

Z_SHOWN, Z_POWER = 2.575829, 0.841621
Z = Z_SHOWN + Z_POWER
LEVEL = 0.99  # two-sided, of the interval whose lower bound has to lie above 0
VARIANCE = 2.0
DECISIONS_A_DAY = 8
PEOPLE = (1, 5, 100)
DIFFERENCES = (0.05, 0.1, 0.2)


class Need(NamedTuple):
    """What one cell of the table says."""

    people: int
    difference: float
    rows: int
    days: int


def rows_needed(difference: float, variance: float = VARIANCE) -> int:
    """Return how many rewarded decisions show a difference with 80 % power in a 99 % interval."""
    return math.ceil(Z**2 * variance / difference**2)


def detectable(low: float, high: float) -> float:
    """Return the smallest difference that a log shows with 80 % power, from its own interval at `LEVEL`."""
    return Z * (high - low) / (2.0 * Z_SHOWN)


def shown_by(rows: int, variance: float = VARIANCE) -> float | None:
    """Return the smallest difference of the table for which so many rows are enough, None when they are too few."""
    return next((each for each in DIFFERENCES if rows >= rows_needed(each, variance)), None)


def table(variance: float = VARIANCE) -> list[Need]:
    """Return the days that 1, 5 and 100 people need for +0.05, +0.1 and +0.2."""
    return [
        Need(people, difference, rows, math.ceil(rows / (people * DECISIONS_A_DAY)))
        for difference in DIFFERENCES
        for rows in (rows_needed(difference, variance),)
        for people in PEOPLE
    ]
