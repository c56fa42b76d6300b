"""Policies in closed form: a model gives mu and sigma, the rule gives probabilities."""

from abc import abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.policies import rules
from models.policies.artifact_policy import ArtifactPolicy
from models.policies.policy import Choice, Context, Indices
from models.rewards.linear import LinearModel
from models.rewards.scoring_model import ScoringModel

Floats = NDArray[np.float64]


class ScoreRule(ArtifactPolicy):
    """A rule from mu and sigma to probabilities, by default on `models.rewards.linear`."""

    MODEL: ClassVar[type[ScoringModel]] = LinearModel

    def __init__(self, model: ScoringModel, digest: PolicyDigest | None = None) -> None:
        super().__init__(digest)
        self.model = model

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats], digest: PolicyDigest | None = None) -> Self:
        """Return the policy of the model's arrays."""
        return cls(cls.MODEL.from_arrays(arrays), digest)

    @property
    def arrays(self) -> dict[str, Floats]:
        """The model's arrays."""
        return self.model.arrays

    @classmethod
    @abstractmethod
    def chances(cls, mu: Floats, sigma: Floats) -> Floats:
        """Return (..., n) probabilities, floors included, of scores (..., n), silence last."""

    @classmethod
    def picks(cls, mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:
        """Return (...,) picks from `chances` for decisions with scores (..., n), silence last."""
        return rules.pick(cls.chances(mu, sigma), rng)

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the draw among actions (n, k)."""
        mu, sigma = self.model.score(context, actions)
        probabilities = self.chances(mu, sigma)
        return Choice(rules.draw(probabilities, seed), probabilities, mu, sigma)

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` choices (size,)."""
        mu, sigma = self.model.score(context, actions)
        shape = (size, mu.size)
        return self.picks(np.broadcast_to(mu, shape), np.broadcast_to(sigma, shape), rng)

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS) parts of mu."""
        return self.model.contributions(context, actions)
