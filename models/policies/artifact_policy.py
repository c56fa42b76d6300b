"""The base of policies that are stored as artifacts: a name, a digest, and arrays in and out."""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.policies.policy import Choice, Context, Indices

Floats = NDArray[np.float64]


class ArtifactPolicy(ABC):
    """A `models.policies.policy.Policy` that can be made from named arrays, and gives them back."""

    NAME: ClassVar[str]

    def __init__(self, digest: PolicyDigest | None = None) -> None:
        self._digest = digest or PolicyDigest(f"unregistered:{self.NAME}")

    @property
    def name(self) -> str:
        """The key of this policy in `models.policies.STORABLE`."""
        return self.NAME

    @property
    def digest(self) -> PolicyDigest:
        """The sha256 of the artifact's manifest, or `unregistered:NAME`."""
        return self._digest

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: dict[str, Floats], digest: PolicyDigest | None = None) -> Self:
        """Return the policy of an artifact's arrays; raises `ArtifactRefused` when they do not fit."""

    @property
    @abstractmethod
    def arrays(self) -> dict[str, Floats]:
        """All numbers of the policy, by name."""

    @abstractmethod
    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the choice among actions (n, k), silence last."""

    @abstractmethod
    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` choices, (size,)."""

    @abstractmethod
    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS) parts of mu."""
