"""The policy protocol: a pure function from a situation to exact choice probabilities, and a reproducible draw."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.rewards.person_posterior import PersonPosterior

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


class Context(NamedTuple):
    """What every action of one decision shares."""

    values: Floats  # (design.CONTEXT,), from design.scaled_context
    silence: float  # the reward of saying nothing, from data_contracts.rewards.silence_reward
    person: PersonPosterior | None = None  # None for somebody who never reacted


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One action, and everything that the log needs to replay and to reweigh it; arrays are (n,)."""

    index: int
    probabilities: Floats
    mu: Floats
    sigma: Floats


class Policy(Protocol):
    """How a tip is chosen. `actions` is (n, k): n - 1 candidates, then silence as a row of zeros.

    Both methods follow one law: the frequencies of `sample` are the probabilities of `choose`. Probabilities sum to
    1 within 1e-9, and depend on a candidate's features alone, never on its place in the list.
    """

    @property
    def name(self) -> str:
        """The policy's name in the registry of policies."""
        ...

    @property
    def digest(self) -> PolicyDigest:
        """The sha256 of the artifact's manifest, or `unregistered:NAME` before there is one."""
        ...

    @property
    def arrays(self) -> dict[str, Floats]:
        """All numbers of the policy, by name: what an artifact holds."""
        ...

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the choice among the actions with its exact probabilities."""
        ...

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:
        """Return `size` independent choices, (size,), without computing probabilities."""
        ...

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, design.GROUPS): each feature's part of mu; left to right they sum to mu exactly."""
        ...
