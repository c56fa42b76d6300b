"""Greedy on the linear model: the largest score, plus the exploration floor.

Source: Bietti, Agarwal & Langford, "A Contextual Bandit Bake-off" (JMLR 22:133, 2021): a close second, so it belongs
in every comparison.

Limits: it explores by the floor alone, and never learns what it never shows.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies.policy import Context, Indices, explore, with_floor
from models.policies.score_rule import ScoreRule

Floats = NDArray[np.float64]


class Greedy(ScoreRule):
    """The best score wins; equal scores share."""

    NAME = "greedy"

    def chances(self, mu: Floats, sigma: Floats) -> Floats:  # noqa: ARG002 - it ignores how sure it is
        """Return the best ones in equal shares, floors added."""
        best = mu == mu.max()
        return with_floor(best / best.sum())

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` choices (size,)."""
        mu, _ = self.model.score(context, actions)
        best = np.flatnonzero(mu == mu.max())
        return explore(best[rng.integers(best.size, size=size)], mu.size - 1, rng)
