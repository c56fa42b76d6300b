"""What happens when a part is missing: a named value, always counted, and a choice that needs no learned policy."""

from collections import Counter
from enum import StrEnum
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from data_contracts.identifiers import PolicyDigest
from models.policies.policy import Choice, Context, Indices
from models.policies.rules import draw
from models.rewards import design

Floats = NDArray[np.float64]

WIDTH = 5  # of the best fitting candidates, and silence, each is as likely as the other


class Fallback(StrEnum):
    """What was degraded in an answer that was given all the same."""

    NO_CHAMPION = "no_champion"  # no policy was promoted yet, or its artifact was refused
    NO_CHALLENGER = "no_challenger"  # an experiment's challenger was refused: the champion decided on its share
    NO_FEATURES = "no_features"  # the online store knows nothing about this person
    NO_TITLES = "no_titles"  # the sources of titles could not be read: tips about the day only
    NO_WORDS = "no_words"  # a chosen sentence could not be finished, and another was chosen
    LATE = "late"  # the deadline passed while something was awaited: silence


class FallbackCounts:
    """How often each fallback happened in this process."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, fallback: Fallback) -> None:
        """Count one."""
        with self._lock:
            self._counts[fallback.value] += 1

    def snapshot(self) -> dict[str, int]:
        """Return the counts by name, zeros included."""
        with self._lock:
            return {each.value: self._counts[each.value] for each in Fallback}


class FallbackPolicy:
    """Uniform over the best fitting candidates and silence, with exact probabilities.

    Limits: it looks at the pool's order, which is by fit, and at nothing else; it never learns.
    """

    name = "fallback"
    digest = PolicyDigest("unregistered:fallback")

    @property
    def arrays(self) -> dict[str, Floats]:
        """Nothing is learned."""
        return {}

    def choose(self, context: Context, actions: Floats, seed: int) -> Choice:
        """Return the draw among the first `WIDTH` of actions (n, k) and silence; mu is 0, and silence's reward."""
        n = actions.shape[0]
        probabilities = self._probabilities(n)
        mu = np.zeros(n)
        mu[-1] = context.silence
        return Choice(draw(probabilities, seed), probabilities, mu, np.zeros(n))

    def sample(self, context: Context, actions: Floats, rng: np.random.Generator, size: int) -> Indices:  # noqa: ARG002 - it ignores the context
        """Return `size` choices, (size,)."""
        return rng.choice(actions.shape[0], size=size, p=self._probabilities(actions.shape[0]))

    def contributions(self, context: Context, actions: Floats) -> Floats:
        """Return (n, GROUPS): nothing counts but silence's own reward."""
        groups = np.zeros((actions.shape[0], len(design.GROUPS)))
        groups[-1, 0] = context.silence
        return groups

    @staticmethod
    def _probabilities(n: int) -> Floats:
        taken = min(WIDTH, n - 1)
        probabilities = np.zeros(n)
        probabilities[:taken] = probabilities[-1] = 1.0 / (taken + 1)
        return probabilities
