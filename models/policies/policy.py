"""What a policy is: a pure function from a situation to exact choice probabilities, and one reproducible draw."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.rewards.person_posterior import PersonPosterior

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

MAX_EXPLORATION = 0.05
EXPLORATION = 0.02
_WORD = (1 << 64) - 1


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


def with_floor(probabilities: Floats, exploration: float = EXPLORATION) -> Floats:
    """Return (1 - e) p + e / m for the m eligible candidates, and (1 - e) p for silence, which is last.

    The floors sum to e <= 0.05 whatever the number of candidates. Silence gets none: its reward is documented, not
    learned, so exploring it would teach nothing. Without candidates nothing changes.
    """
    if not 0.0 <= exploration <= MAX_EXPLORATION:
        raise ValueError(f"exploration {exploration} is outside [0, {MAX_EXPLORATION}]")
    candidates = probabilities.size - 1
    if candidates == 0:
        return probabilities
    mixed = probabilities * (1.0 - exploration)
    mixed[:-1] += exploration / candidates
    return mixed


def draw(probabilities: Floats, seed: int) -> int:
    """Return the index that the one uniform number of `seed` hits on the cumulative sum of `probabilities`.

    This is the whole randomness of a decision, so logged probabilities and seed replay it bit for bit. Probabilities
    are not normalised: what their sum lacks of 1 (below 1e-9) belongs to the last action that is possible at all.
    """
    index = bisect_right(list(accumulate(probabilities.tolist())), uniform(seed))
    return index if index < probabilities.size else int(np.flatnonzero(probabilities)[-1])


def uniform(seed: int) -> float:
    """Return the number in [0, 1) that SplitMix64 makes of a seed of 64 bits, a multiple of 2^-53.

    NumPy's generators take thirty times as long to be seeded, and a decision needs one number. Source: Steele, Lea &
    Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
    """
    mixed = (seed + 0x9E3779B97F4A7C15) & _WORD
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD
    return ((mixed ^ mixed >> 31) >> 11) * 2.0**-53


def explore(picks: Indices, candidates: int, rng: np.random.Generator, exploration: float = EXPLORATION) -> Indices:
    """Return `picks` with a share of `exploration` replaced by uniform candidates: `with_floor` for samples."""
    if candidates == 0:
        return picks
    explored = rng.random(picks.size) < exploration
    return np.where(explored, rng.integers(candidates, size=picks.size), picks)
