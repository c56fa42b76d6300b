"""The policy of whoever has no champion yet: no learning, a fixed idea of what fits, exact probabilities.

    fit_a = personal + urgent_and_fits + narrow_window        (columns of `models.rewards.action_features`)

The `WIDTH` best fitting candidates and silence are equally likely, candidates that tie for the last place share it,
and the exploration floor is added. It has no arrays and nothing to train, so it is no entry of
`models.policies.POLICIES`; it keeps the same laws.

A decision stores the digest of the policy that made it and is replayed by it, so a digest names one formula for ever.
An artifact's digest is a hash of its content. This policy has no content to hash, so its digest holds a version, and
`FALLBACKS` keeps each version that ever decided: its records must replay, and nothing else in them says which formula
it was. Whoever changes the formula adds a version and keeps the old class.

Limits: it takes no notice of the context, and of two tips with one meaning it may prefer both.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ArtifactRefused
from data_contracts.identifiers import PolicyDigest
from models.policies import rules
from models.policies.artifact_policy import ArtifactPolicy
from models.policies.policy import Choice, Context, Indices
from models.rewards import design
from models.rewards.action_features import ACTION

Floats = NDArray[np.float64]

WIDTH = 5
FIT = [ACTION["personal"], ACTION["urgent_and_fits"], ACTION["narrow_window"]]


class FallbackPolicy(ArtifactPolicy):
    """Version 2: the best fitting candidates by their own features."""

    NAME = "fallback"
    DIGEST: ClassVar[PolicyDigest] = PolicyDigest("unregistered:fallback-2")

    def __init__(self, digest: PolicyDigest | None = None) -> None:
        super().__init__(digest or self.DIGEST)

    @classmethod
    def from_arrays(cls, arrays: dict[str, Floats], digest: PolicyDigest | None = None) -> Self:
        """Return the policy; raises `ArtifactRefused` when there are arrays."""
        if arrays:
            raise ArtifactRefused(f"the fallback policy has no arrays, not {sorted(arrays)}")
        return cls(digest)

    @property
    def arrays(self) -> dict[str, Floats]:
        """Nothing."""
        return {}

    @staticmethod
    def chances(actions: Floats) -> Floats:
        """Return (n,) probabilities of actions (n, k), silence last, floors included."""
        candidates = actions.shape[0] - 1
        taken = min(WIDTH, candidates)
        probabilities = np.full(candidates + 1, 1.0 / (taken + 1))
        if candidates > 0:
            probabilities[:-1] = rules.top(actions[:-1, FIT].sum(axis=1), WIDTH) * (taken / (taken + 1))
        return rules.with_floor(probabilities)

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the draw among actions (n, k); mu is 0, and silence's reward."""
        n = actions.shape[0]
        probabilities = self.chances(actions)
        mu = np.zeros(n)
        mu[-1] = context.silence
        return Choice(rules.draw(probabilities, seed), probabilities, mu, np.zeros(n))

    def sample(
        self,
        context: Context,  # noqa: ARG002 - it ignores the context
        actions: Floats,
        rng: np.random.Generator,
        size: int,
    ) -> Indices:
        """Return `size` choices (size,)."""
        probabilities = self.chances(actions)
        return rules.pick(np.broadcast_to(probabilities, (size, probabilities.size)), rng)

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS): nothing counts but silence's own reward."""
        groups = np.zeros((actions.shape[0], len(design.GROUPS)))
        groups[-1, 0] = context.silence
        return groups


class FirstFallbackPolicy(FallbackPolicy):
    """Version 1, for decisions that it made: the first `WIDTH` candidates of the list, and silence, equally likely.

    It breaks three laws: the order of candidates matters, most of them have probability 0, and an artifact cannot hold
    it. Nothing decides by it any more.
    """

    DIGEST: ClassVar[PolicyDigest] = PolicyDigest("unregistered:fallback")

    @staticmethod
    def chances(actions: Floats) -> Floats:
        """Return (n,) probabilities of actions (n, k), silence last, without floors."""
        n = actions.shape[0]
        taken = min(WIDTH, n - 1)
        probabilities = np.zeros(n)
        probabilities[:taken] = probabilities[-1] = 1.0 / (taken + 1)
        return probabilities


FALLBACKS: Mapping[PolicyDigest, FallbackPolicy] = MappingProxyType(
    {policy.digest: policy for policy in (FirstFallbackPolicy(), FallbackPolicy())}
)
