"""Epsilon-greedy: the best score, and all of the allowed exploration spread evenly over the candidates.

Source: Sutton & Barto, "Reinforcement Learning" (2018), 2.2.
Model card: data, intended use and masks as for `linear_thompson`. Use it where propensities must be bounded from below
by a known number, as for a control whose log others are to be evaluated on.
Limits: it explores hopeless candidates as often as promising ones.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies.policy import MAX_EXPLORATION, with_floor
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class EpsilonGreedy(ScoreRule):
    """Greedy, with the largest exploration that is allowed."""

    NAME = "epsilon_greedy"

    def chances(self, mu: Floats, sigma: Floats) -> Floats:  # noqa: ARG002 - it does not ask how sure it is
        """Return equal shares for the best ones, and the floor."""
        best = mu == mu.max()
        return with_floor(best / best.sum(), MAX_EXPLORATION)
