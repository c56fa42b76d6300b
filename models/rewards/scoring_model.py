"""The protocol of reward models: scores with their parts, and the person posterior."""

from abc import ABC, abstractmethod
from typing import Self

from models.policies.policy import Context, Floats
from models.rewards.person_posterior import Observation, PersonPrior


class ScoringModel(ABC):
    """A trained population model, plus the Gaussian person posterior of `models.rewards.person_posterior`."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: dict[str, Floats]) -> Self:
        """Return the model of named arrays; raises `ArtifactRefused` when one is missing, foreign or unsound."""

    @property
    @abstractmethod
    def arrays(self) -> dict[str, Floats]:
        """The arrays by name."""

    @property
    @abstractmethod
    def person_prior(self) -> PersonPrior:
        """What is believed of a person before the first reaction."""

    @abstractmethod
    def score(self, context: Context, actions: Floats) -> tuple[Floats, Floats]:
        """Return mu and sigma, each (n,), of actions (n, k), silence last."""

    @abstractmethod
    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS): each feature's part of mu; adding a row from left to right gives mu bit for bit."""

    @abstractmethod
    def observe(self, values: Floats, action: Floats, *, reward: float, at_us: int, identifier: str) -> Observation:
        """Return what one rewarded action (k,) in a context (CONTEXT,) teaches about the person."""
