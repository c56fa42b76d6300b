"""Inverse gap weighting on the linear model: an action is the likelier, the closer its score is to the best.

    p_a = 1 / (n + GAMMA (mu_best - mu_a)) for all others, the best one takes the rest; ties share

Source: Foster & Rakhlin, "Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles" (2020).
Model card: data, intended use and masks as for `linear_thompson`. Use it where a reward model has no honest sigma.
Limits: GAMMA is fixed between retrainings, so the regret bound, which lets it grow, is not promised.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies.policy import with_floor
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]

GAMMA = 400.0  # on the reward's scale: a gap of 0.05 is chosen about once in 20 + n times


class SquareCB(ScoreRule):
    """Weighs actions by the inverse of their gap."""

    NAME = "squarecb"

    def chances(self, mu: Floats, sigma: Floats) -> Floats:  # noqa: ARG002 - gaps alone count
        """Return inverse gap weights; the best ones share what is left."""
        best = mu == mu.max()
        weights = np.where(best, 0.0, 1.0 / (mu.size + GAMMA * (mu.max() - mu)))
        return with_floor(weights + best * ((1.0 - weights.sum()) / best.sum()))
