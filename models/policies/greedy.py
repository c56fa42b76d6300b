"""Greedy on the linear model: the largest score, plus the exploration floor.

Source: Bietti, Agarwal & Langford, "A Contextual Bandit Bake-off" (JMLR 22:133, 2021): a close second, so it belongs
in every comparison.

Limits: it explores by the floor alone, and never learns what it never shows.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.linear_model import LinearModel
from models.policies.artifact_policy import ArtifactPolicy
from models.policy import Choice, Context, Indices, draw, explore, with_floor

Floats = NDArray[np.float64]


class Greedy(ArtifactPolicy):
    """The best score wins; equal scores share."""

    NAME = "greedy"

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
        """Return the draw among actions (n, k): the best ones in equal shares, floors added."""
        mu, sigma = self.model.score(context, actions)
        best = mu == mu.max()
        probabilities = with_floor(best / best.sum())
        return Choice(draw(probabilities, seed), probabilities, mu, sigma)

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` choices (size,)."""
        mu, _ = self.model.score(context, actions)
        best = np.flatnonzero(mu == mu.max())
        return explore(best[rng.integers(best.size, size=size)], mu.size - 1, rng)

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS) parts of mu."""
        return self.model.contributions(context, actions)
