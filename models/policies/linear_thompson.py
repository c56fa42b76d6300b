"""Thompson sampling on a linear Gaussian model, with exact probabilities.

One normal per action replaces the draw of a weight vector: scores are sampled from their marginals, independently.
Source: Agrawal & Goyal, "Thompson Sampling for Contextual Bandits with Linear Payoffs" (2013).

Limits: the regret bound of the paper is for a shared weight vector; independent marginals explore more than it asks.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies.policy import Context, Indices, explore, with_floor
from models.policies.propensity import argmax_probabilities
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class LinearThompson(ScoreRule):
    """The policy that oO serves."""

    NAME = "linear_thompson"

    def chances(self, mu: Floats, sigma: Floats) -> Floats:
        """Return P(this score is the largest), floors added."""
        return with_floor(argmax_probabilities(mu, sigma))

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` choices (size,) by sampling scores."""
        mu, sigma = self.model.score(context, actions)
        scores = rng.standard_normal((size, mu.size))
        scores *= sigma
        scores += mu
        return explore(scores.argmax(axis=1), mu.size - 1, rng)
