"""Epsilon-greedy: the best score, and the exploration floor spread evenly over the candidates.

Source: Sutton & Barto, "Reinforcement Learning" (2018), 2.2.
Model card: data, intended use and masks as for `linear_thompson`. Use it where propensities must be bounded from below
by a known number, as for a control whose log others are to be evaluated on.
Limits: it explores hopeless candidates as often as promising ones.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies import rules
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class EpsilonGreedy(ScoreRule):
    """Greedy, with the largest exploration that is allowed."""

    NAME = "epsilon_greedy"

    @classmethod
    def chances(cls, mu: Floats, sigma: Floats) -> Floats:  # noqa: ARG003 - it does not ask how sure it is
        """Return (..., n): equal shares for the best ones, and the floor."""
        return rules.with_floor(rules.greedy(mu), rules.MAX_EXPLORATION)
