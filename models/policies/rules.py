"""Choosing rules: from scores to probabilities, and from probabilities to picks, for one decision or for many at once.

Every function takes and gives arrays. The last axis is the actions of one decision, silence last, and the axes before
it are decisions: `mu`, `sigma`, `scores` and `probabilities` are (..., n), picks are (...,) places on the last axis.
Each row of a batch has the bits that it has alone. Exact probabilities of Thompson sampling stand in
`models.policies.propensity`, one decision at a time.
"""

from bisect import bisect_right
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

MAX_EXPLORATION = 0.05
EXPLORATION = 0.02
GAMMA = 400.0  # of `inverse_gap`, on the reward's scale: a gap of 0.05 is chosen about once in 20 + n times
WIDTH = 1.0  # standard deviations of optimism in `upper_bounds`
_WORD = (1 << 64) - 1


def best(scores: Floats) -> NDArray[np.bool_]:
    """Return (..., n): whether a score is the largest of its decision; several are where they are equal."""
    found: NDArray[np.bool_] = scores == np.maximum.reduce(scores, axis=-1, keepdims=True)
    return found


def greedy(scores: Floats) -> Floats:
    """Return (..., n): all probability on the largest score, in equal shares where several are."""
    winners = best(scores)
    shares: Floats = winners / np.add.reduce(winners, axis=-1, keepdims=True)
    return shares


def upper_bounds(mu: Floats, sigma: Floats) -> Floats:
    """Return (..., n) scores of optimism: `mu` plus `WIDTH` standard deviations."""
    return mu + WIDTH * sigma


def inverse_gap(mu: Floats, gamma: float = GAMMA) -> Floats:
    """Return (..., n): 1 / (n + gamma (largest - mu)) for all others, and what is left in equal shares for the largest.

    Source: Foster & Rakhlin, "Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles" (2020).
    """
    gaps = np.maximum.reduce(mu, axis=-1, keepdims=True) - mu
    winners = gaps == 0.0
    weights = np.where(winners, 0.0, 1.0 / (mu.shape[-1] + gamma * gaps))
    left = 1.0 - np.add.reduce(weights, axis=-1, keepdims=True)
    shares: Floats = weights + winners * (left / np.add.reduce(winners, axis=-1, keepdims=True))
    return shares


def top(scores: Floats, width: int) -> Floats:
    """Return (..., n): equal shares for the `width` largest scores, or for all where there are no more.

    Scores that tie for the last places share those places, so the order of actions changes nothing.
    """
    n = scores.shape[-1]
    if n <= width:
        return np.full(scores.shape, 1.0 / n)
    edge = np.partition(scores, n - width, axis=-1)[..., n - width, None]
    above, tied = scores > edge, scores == edge
    places = width - np.add.reduce(above, axis=-1, keepdims=True)
    shares: Floats = (above + tied * (places / np.add.reduce(tied, axis=-1, keepdims=True))) / width
    return shares


def with_floor(probabilities: Floats, exploration: float = EXPLORATION) -> Floats:
    """Return (..., n): (1 - e) p + e / m for the m eligible candidates, and (1 - e) p for silence, which is last.

    The floors sum to e <= 0.05 whatever the number of candidates. Silence gets none: its reward is documented, not
    learned, so exploring it would teach nothing. Without candidates nothing changes. Raises `ValueError` for more.
    """
    if not 0.0 <= exploration <= MAX_EXPLORATION:
        raise ValueError(f"exploration {exploration} is outside [0, {MAX_EXPLORATION}]")
    candidates = probabilities.shape[-1] - 1
    if candidates == 0:
        return probabilities
    mixed = probabilities * (1.0 - exploration)
    mixed[..., :-1] += exploration / candidates
    return mixed


def draw(probabilities: Floats, seed: int) -> int:
    """Return the index that the one number of `seed` hits on the cumulative sum of one decision's probabilities (n,).

    This is the whole randomness of a decision, so logged probabilities and seed replay it bit for bit. Probabilities
    are not normalised: what their sum lacks of 1 (below 1e-9) belongs to the last action that is possible at all.
    """
    index = bisect_right(list(accumulate(probabilities.tolist())), unit_number(seed))
    return index if index < probabilities.size else int(np.flatnonzero(probabilities)[-1])


def unit_number(seed: int) -> float:
    """Return the number in [0, 1) that SplitMix64 makes of a seed of 64 bits, a multiple of 2^-53.

    NumPy's generators take thirty times as long to be seeded, and a decision needs one number. Source: Steele, Lea &
    Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
    """
    mixed = (seed + 0x9E3779B97F4A7C15) & _WORD
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD
    return ((mixed ^ mixed >> 31) >> 11) * 2.0**-53


def pick(probabilities: Floats, rng: np.random.Generator) -> Indices:
    """Return (...,) picks by one random number each: `draw` for many decisions, without a log."""
    n = probabilities.shape[-1]
    steps = np.cumsum(probabilities, axis=-1)
    places = (steps <= rng.random((*probabilities.shape[:-1], 1))).sum(axis=-1)
    last = n - 1 - (probabilities[..., ::-1] > 0.0).argmax(axis=-1)
    return np.asarray(np.where(places < n, places, last), np.intp)


def thompson(mu: Floats, sigma: Floats, rng: np.random.Generator) -> Indices:
    """Return (...,) places of the largest of one normal draw an action, without exploration."""
    draws = rng.standard_normal(mu.shape)
    draws *= sigma
    draws += mu
    return np.asarray(draws.argmax(axis=-1), np.intp)


def explore(picks: Indices, candidates: int, rng: np.random.Generator, exploration: float = EXPLORATION) -> Indices:
    """Return `picks` with a share of `exploration` replaced by uniform candidates: `with_floor` for picks."""
    if candidates == 0:
        return picks
    explored = rng.random(picks.shape) < exploration
    return np.where(explored, rng.integers(candidates, size=picks.shape), picks)
