"""Inverse gap weighting on the linear model: probability falls with the gap to the best score.

The formula is `models.policies.rules.inverse_gap`.
Source: Foster & Rakhlin, "Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles" (2020).
Model card: data, intended use and masks as for `linear_thompson`. Use it where a reward model has no honest sigma.
Limits: GAMMA is fixed between retrainings, so the regret bound, which lets it grow, is not promised.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies import rules
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class SquareCB(ScoreRule):
    """Weighs actions by the inverse of their gap."""

    NAME = "squarecb"

    @classmethod
    def chances(cls, mu: Floats, sigma: Floats) -> Floats:  # noqa: ARG003 - gaps alone count
        """Return (..., n): inverse gap weights, and the floor; the best ones share what is left."""
        return rules.with_floor(rules.inverse_gap(mu))
