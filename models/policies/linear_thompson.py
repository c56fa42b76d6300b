"""Thompson sampling on a linear Gaussian model, with exact probabilities.

One normal per action replaces the draw of a weight vector: scores are sampled from their marginals, independently.
Source: Agrawal & Goyal, "Thompson Sampling for Contextual Bandits with Linear Payoffs" (2013).

Limits: the regret bound of the paper is for a shared weight vector; independent marginals explore more than it asks.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies import rules
from models.policies.policy import Indices
from models.policies.propensity import argmax_probabilities
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class LinearThompson(ScoreRule):
    """The policy that oO serves."""

    NAME = "linear_thompson"

    @classmethod
    def chances(cls, mu: Floats, sigma: Floats) -> Floats:
        """Return (n,): P(this score is the largest) of one decision, floors added."""
        return rules.with_floor(argmax_probabilities(mu, sigma))

    @classmethod
    def picks(cls, mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:
        """Return (...,) picks by sampling scores."""
        return rules.explore(rules.thompson(mu, sigma, rng), mu.shape[-1] - 1, rng)
