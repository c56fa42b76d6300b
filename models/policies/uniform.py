"""The control: every action, silence included, with the same probability."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ArtifactRefused
from data_contracts.identifiers import PolicyDigest
from models.policies import rules
from models.policies.artifact_policy import ArtifactPolicy
from models.policies.policy import Choice, Context, Indices
from models.rewards import design

Floats = NDArray[np.float64]


class Uniform(ArtifactPolicy):
    """What learning has to beat. It holds no numbers; mu and sigma are 0."""

    NAME = "uniform"

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats], digest: PolicyDigest | None = None) -> Self:
        """Return the policy; raises `ArtifactRefused` when there are arrays."""
        if arrays:
            raise ArtifactRefused(f"the uniform policy has no arrays, not {sorted(arrays)}")
        return cls(digest)

    @property
    def arrays(self) -> dict[str, Floats]:
        """Nothing."""
        return {}

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:  # noqa: ARG002 - it ignores the context
        """Return a uniform draw among actions (n, k)."""
        n = actions.shape[0]
        probabilities = np.full(n, 1.0 / n)
        return Choice(rules.draw(probabilities, seed), probabilities, np.zeros(n), np.zeros(n))

    @classmethod
    def picks(cls, mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:  # noqa: ARG003 - it knows nothing
        """Return (...,) uniform picks for decisions with scores (..., n)."""
        return np.asarray(rng.integers(mu.shape[-1], size=mu.shape[:-1]), np.intp)

    def sample(
        self,
        context: Context,  # noqa: ARG002 - it ignores the context
        actions: Floats,
        rng: np.random.Generator,
        size: int,
    ) -> Indices:
        """Return `size` uniform choices (size,)."""
        return rng.integers(actions.shape[0], size=size)

    def contributions(self, context: Context, actions: Floats) -> Floats:  # noqa: ARG002 - it ignores the context
        """Return (n, GROUPS) zeros."""
        return np.zeros((actions.shape[0], len(design.GROUPS)))
