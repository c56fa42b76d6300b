"""The choosing rules of the reduction, by the names of `models.policies`.

The formulas are those of `models.policies.rules`. What differs from a policy: there is no silence, so every action is
a candidate; only `epsilon_greedy` explores at random; `squarecb` sharpens with the round.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from models.policies import EpsilonGreedy, Greedy, LinearThompson, RegCB, SquareCB, Uniform, rules
from models.policies.policy import Floats

GAMMA = 30.0  # times the square root of the round

Rule = Callable[[Floats, Floats, int, np.random.Generator], int]  # mu and sigma (n,), the round's number


def largest(scores: Floats, rng: np.random.Generator) -> int:
    """Return the place of the largest score; only among equal ones a number is drawn."""
    best = np.flatnonzero(rules.best(scores))
    return int(best[0] if best.size == 1 else rng.choice(best))


def uniform(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - it knows nothing
    """Every action alike."""
    return int(rng.integers(mu.size))


def greedy(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - it is sure
    """Return the largest mean."""
    return largest(mu, rng)


def epsilon_greedy(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - the mean alone
    """Return the largest mean, or one time in fifty any action."""
    return int(rules.explore(np.array(largest(mu, rng)), mu.size, rng))


def thompson(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - sigma knows
    """Return the largest draw."""
    return int(rules.thompson(mu, sigma, rng))


def squarecb(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - gaps only
    """Weigh actions by the inverse of their gap to the best."""
    return int(rules.pick(rules.inverse_gap(mu, GAMMA * number**0.5), rng))


def regcb(mu: Floats, sigma: Floats, number: int, rng: np.random.Generator) -> int:  # noqa: ARG001 - sigma knows
    """Return the largest upper bound."""
    return largest(rules.upper_bounds(mu, sigma), rng)


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
