"""The ways of choosing that the reduction offers, by the names of `models.policies`."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from models.policies import EpsilonGreedy, Greedy, LinearThompson, RegCB, SquareCB, Uniform
from models.policies.policy import Floats

EPSILON = 0.02
GAMMA = 30.0  # times the square root of the round

Rule = Callable[[Floats, Floats, int, np.random.Generator], int]


def largest(scores: Floats, rng: np.random.Generator) -> int:
    """Return the place of the largest score; equal ones share."""
    best = np.flatnonzero(scores == scores.max())
    return int(best[0] if best.size == 1 else rng.choice(best))


def uniform(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - it knows nothing
    """Every action alike."""
    return int(rng.integers(mu.size))


def greedy(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - it is sure
    """Return the largest mean."""
    return largest(mu, rng)


def epsilon_greedy(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - the mean alone
    """Return the largest mean, or one time in fifty any action."""
    return int(rng.integers(mu.size)) if rng.random() < EPSILON else largest(mu, rng)


def thompson(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - sigma knows
    """Return the largest draw."""
    return int((mu + sigma * rng.standard_normal(mu.size)).argmax())


def squarecb(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - gaps only
    """Weigh actions by the inverse of their gap to the best."""
    best = largest(mu, rng)
    chances = 1.0 / (mu.size + GAMMA * np.sqrt(number) * (mu[best] - mu))
    chances[best] = 0.0
    place = int(chances.cumsum().searchsorted(rng.random(), side="right"))
    return place if place < mu.size else best


def regcb(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - sigma knows
    """Return the largest upper bound."""
    return largest(mu + sigma, rng)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        LinearThompson.NAME: thompson,
        Greedy.NAME: greedy,
        Uniform.NAME: uniform,
        EpsilonGreedy.NAME: epsilon_greedy,
        SquareCB.NAME: squarecb,
        RegCB.NAME: regcb,
    }
)
