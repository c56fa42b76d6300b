"""What policies on the linear model share when their probabilities are a closed form of the scores."""

from abc import abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.linear_model import LinearModel
from models.policies.artifact_policy import ArtifactPolicy
from models.policy import Choice, Context, Indices, draw

Floats = NDArray[np.float64]


class LinearChoice(ArtifactPolicy):
    """A rule from mu and sigma to probabilities, on `models.linear_model`."""

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

    @abstractmethod
    def chances(self, mu: Floats, sigma: Floats) -> Floats:
        """Return (n,) probabilities, floors included, of scores (n,), silence last."""

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the draw among actions (n, k)."""
        mu, sigma = self.model.score(context, actions)
        probabilities = self.chances(mu, sigma)
        return Choice(draw(probabilities, seed), probabilities, mu, sigma)

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` choices (size,)."""
        steps = np.cumsum(self.chances(*self.model.score(context, actions)))
        return np.minimum(steps.searchsorted(rng.random(size), side="right"), steps.size - 1)

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS) parts of mu."""
        return self.model.contributions(context, actions)
