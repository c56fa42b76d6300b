"""Thompson sampling on a linear Gaussian model, with exact probabilities.

One normal per action replaces the draw of a weight vector: scores are sampled from their marginals, independently.
Source: Agrawal & Goyal, "Thompson Sampling for Contextual Bandits with Linear Payoffs" (2013).

Limits: the regret bound of the paper is for a shared weight vector; independent marginals explore more than it asks.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.linear_model import LinearModel
from models.policies.artifact_policy import ArtifactPolicy
from models.policy import Choice, Context, Indices, draw, explore, with_floor
from models.propensity import argmax_probabilities

Floats = NDArray[np.float64]


class LinearThompson(ArtifactPolicy):
    """The policy that oO serves."""

    NAME = "linear_thompson"

    def __init__(self, model: LinearModel, digest: PolicyDigest | None = None) -> None:
        super().__init__(digest)
        self.model = model

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats], digest: PolicyDigest | None = None) -> Self:
        """Return the policy of the model's arrays."""
        return cls(LinearModel.from_arrays(arrays), digest)

    @property
    def arrays(self) -> dict[str, Floats]:
        """The model's arrays."""
        return self.model.arrays

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the draw among actions (n, k) with P(this score is the largest), floors added."""
        mu, sigma = self.model.score(context, actions)
        probabilities = with_floor(argmax_probabilities(mu, sigma))
        return Choice(draw(probabilities, seed), probabilities, mu, sigma)

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` choices (size,) by sampling scores."""
        mu, sigma = self.model.score(context, actions)
        scores = rng.standard_normal((size, mu.size))
        scores *= sigma
        scores += mu
        return explore(scores.argmax(axis=1), mu.size - 1, rng)

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS) parts of mu."""
        return self.model.contributions(context, actions)
