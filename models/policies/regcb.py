"""Optimism by regression: the largest upper confidence bound, plus the exploration floor.

Source: Foster, Agarwal, Dudik, Luo & Schapire, "Practical Contextual Bandits with Regression Oracles" (2018), RegCB
optimistic, with the linear model's own sigma as the width of its confidence set.
Model card: data, intended use and masks as for `linear_thompson`. Use it offline and in shadow: first in the bake-off
of Bietti et al. (2021).
Limits: nearly deterministic, so its log supports few other policies; only the floor keeps them apart.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies import rules
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class RegCB(ScoreRule):
    """The largest upper bound wins; equal ones share."""

    NAME = "regcb"

    @classmethod
    def chances(cls, mu: Floats, sigma: Floats) -> Floats:
        """Return (..., n): equal shares for the largest upper bounds, and the floor."""
        return rules.with_floor(rules.greedy(rules.upper_bounds(mu, sigma)))
