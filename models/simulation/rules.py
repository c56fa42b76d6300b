"""The ways of choosing, for many people at once: each draws from the very distribution of the policy of its name.

`mu` and `sigma` are (P, n), silence last, one row a person; the answer is (P,) places. Exploration floors are in it.
`tests/models/test_rules.py` holds each rule against its policy's probabilities.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from models.policies import EpsilonGreedy, Greedy, LinearThompson, RegCB, SquareCB, Uniform, regcb, squarecb
from models.policies.policy import EXPLORATION, MAX_EXPLORATION, Floats, Indices, explore

Rule = Callable[[Floats, Floats, np.random.Generator], Indices]


def thompson(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:
    """Return the largest of one draw an action, without exploration floor."""
    draws = rng.standard_normal(mu.shape)
    draws *= sigma
    draws += mu
    return np.asarray(draws.argmax(axis=1), np.intp)


def _thompson(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:
    return _explored(thompson(mu, sigma, rng), mu, rng)


def _uniform(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - it knows nothing
    return np.asarray(rng.integers(mu.shape[1], size=mu.shape[0]), np.intp)


def _greedy(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - it is sure
    return _explored(_largest(mu, rng), mu, rng)


def _epsilon_greedy(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - it is sure
    return _explored(_largest(mu, rng), mu, rng, MAX_EXPLORATION)


def _squarecb(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - gaps alone count
    gaps = mu.max(axis=1, keepdims=True) - mu
    best = gaps == 0.0
    weights = np.where(best, 0.0, 1.0 / (mu.shape[1] + squarecb.GAMMA * gaps))
    weights += best * ((1.0 - weights.sum(axis=1)) / best.sum(axis=1))[:, None]
    reached = np.cumsum(weights, axis=1) > rng.random((mu.shape[0], 1))
    return _explored(np.where(reached.any(axis=1), reached.argmax(axis=1), best.argmax(axis=1)), mu, rng)


def _regcb(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:
    return _explored(_largest(mu + regcb.WIDTH * sigma, rng), mu, rng)


def _largest(scores: Floats, rng: np.random.Generator) -> Indices:
    """Return the place of the largest score; equal ones share."""
    best = scores == scores.max(axis=1, keepdims=True)
    return np.asarray(np.where(best, rng.random(scores.shape), -1.0).argmax(axis=1), np.intp)


def _explored(picks: Indices, mu: Floats, rng: np.random.Generator, exploration: float = EXPLORATION) -> Indices:
    return explore(picks, mu.shape[1] - 1, rng, exploration)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        LinearThompson.NAME: _thompson,
        Greedy.NAME: _greedy,
        Uniform.NAME: _uniform,
        EpsilonGreedy.NAME: _epsilon_greedy,
        SquareCB.NAME: _squarecb,
        RegCB.NAME: _regcb,
    }
)
