"""Greedy on the linear model: the largest score, plus the exploration floor.

Source: Bietti, Agarwal & Langford, "A Contextual Bandit Bake-off" (JMLR 22:133, 2021): a close second, so it belongs
in every comparison.

Limits: it explores by the floor alone, and never learns what it never shows.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies import rules
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class Greedy(ScoreRule):
    """The best score wins; equal scores share."""

    NAME = "greedy"

    @classmethod
    def chances(cls, mu: Floats, sigma: Floats) -> Floats:  # noqa: ARG003 - it ignores how sure it is
        """Return (..., n): the best ones in equal shares, floors added."""
        return rules.with_floor(rules.greedy(mu))
