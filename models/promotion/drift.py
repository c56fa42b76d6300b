"""Tests for drift of rewards and contexts since the last training, on sums that merge.

A person's day is one block: rows of one day resemble each other, so blocks are counted, not rows. For the reward and
each known context column the block means of two spans are compared by Welch's z; drift is named when the smallest
p-value is below 0.01 / columns (Bonferroni) and the means lie at least half a standard deviation apart.

Source: Welch (1947); Gama et al., "A Survey on Concept Drift Adaptation" (2014), detection by two windows.
Limits: days of one person resemble each other too, so with few people it fires more often than its level; what follows
is one training more, whose outcome the gate judges like any other. It sees means, not shapes.
"""

import math
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from models.policies.policy import Floats

MIN_BLOCKS = 20
LEVEL = 0.01
MIN_EFFECT = 0.5  # standard deviations
Block = tuple[str, int]  # a person and a day


@dataclass(slots=True, eq=False)
class Span:
    """Sums of each block: (2, columns), how often a column was known, and the sum of its values."""

    blocks: dict[Block, Floats] = field(default_factory=dict)

    def add(self, block: Block, values: Floats) -> None:
        """Take in one row (columns,); what is not known is NaN."""
        known = ~np.isnan(values)
        row = np.stack((known.astype(np.float64), np.where(known, values, 0.0)))
        self.blocks[block] = self.blocks[block] + row if block in self.blocks else row

    def __add__(self, other: "Span") -> "Span":
        """Return the sums of both parts, whichever block a row fell into."""
        merged = dict(self.blocks)
        for block, sums in other.blocks.items():
            merged[block] = merged[block] + sums if block in merged else sums
        return Span(merged)

    def means(self) -> Floats:
        """Return (blocks, columns); NaN where a block knew nothing of a column."""
        sums = np.array([self.blocks[block] for block in sorted(self.blocks)])
        with np.errstate(invalid="ignore"):
            means: Floats = sums[:, 1] / sums[:, 0]
        return means


@dataclass(frozen=True, slots=True)
class Drift:
    """The column that moved most surely; `column` is None where nothing did, and then `p_value` is NaN."""

    column: str | None
    p_value: float
    before: float
    after: float


NOTHING = Drift(None, math.nan, math.nan, math.nan)


def drift(columns: tuple[str, ...], before: Span, after: Span) -> Drift:
    """Return what moved between two spans whose rows have these columns."""
    if min(len(before.blocks), len(after.blocks)) < MIN_BLOCKS:
        return NOTHING
    found = NOTHING
    for column, old, new in zip(columns, before.means().T, after.means().T, strict=True):
        one, other = old[~np.isnan(old)], new[~np.isnan(new)]
        if min(one.size, other.size) < MIN_BLOCKS:
            continue
        gap, spread = float(other.mean() - one.mean()), math.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 2.0)
        error = math.sqrt(one.var(ddof=1) / one.size + other.var(ddof=1) / other.size)
        p_value = 2.0 * NormalDist().cdf(-abs(gap) / error) if error > 0.0 else float(gap == 0.0)
        sure = p_value < LEVEL / len(columns) and abs(gap) >= MIN_EFFECT * spread
        if sure and not p_value >= found.p_value:
            found = Drift(column, p_value, float(one.mean()), float(other.mean()))
    return found
