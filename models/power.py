"""How many days it takes to see a difference: the table that says when promotion can only be manual.

    n = (z_0.975 + z_0.8)^2 variance / difference^2        rewarded decisions
    days = n / (people x decisions a day)

`VARIANCE` is that of one row's term in the paired difference (importance-weighted residual minus reward): 0.3 to 1.6 in
four pairs of policies of the simulated world, so 1. `benchmarks/gate_errors.py` asks the gate at the table's sizes, and
`docs/learning.md` prints the table.

Limits: rows of one person are correlated, so with few people the true need is larger.
"""

import math
from typing import NamedTuple

Z = 1.959964 + 0.841621
VARIANCE = 1.0
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
    """Return how many rewarded decisions detect a difference with 80 % power at 95 % confidence."""
    return math.ceil(Z**2 * variance / difference**2)


def table(variance: float = VARIANCE) -> list[Need]:
    """Return the days that 1, 5 and 100 people need for +0.05, +0.1 and +0.2."""
    return [
        Need(people, difference, rows, math.ceil(rows / (people * DECISIONS_A_DAY)))
        for difference in DIFFERENCES
        for rows in (rows_needed(difference, variance),)
        for people in PEOPLE
    ]
