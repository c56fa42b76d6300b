"""Progressive validation: predict, then learn from the reward of the chosen action only.

Each example is a round, each label an action; the right one brings 1, all others 0. The loss of a round is counted
before anything is learned from it. At rounds that grow by half, features and settings are made anew from all contexts
and rewards so far; between them each reward moves the regressions exactly.
Source: Bietti, Agarwal & Langford, "A Contextual Bandit Bake-off" (JMLR 22:133, 2021), section 4.
Limits: memory grows with the rounds, and with actions times the square of the landmarks.
"""

import time
from dataclasses import dataclass

import numpy as np

from models.reduction.choosing import RULES, Rule
from models.reduction.examples import Examples, Floats, Indices
from models.reduction.features import Features, features_of
from models.reduction.regressions import Regressions
from models.reduction.selection import Setting, best_setting

FIRST = 10  # rounds before anything is known
GROWTH = 1.5
LAST = 12_000  # later rounds move the regressions only
LANDMARKS = 400
NUMBERS = 1 << 25  # that all actions' inverses may hold


@dataclass(frozen=True, slots=True)
class Reduced:
    """What a run says; `progressive_loss` is the share of rounds whose choice was wrong."""

    rounds: int
    actions: int
    progressive_loss: float
    seconds: float


def reduce(examples: Examples, policy: str, seed: int, rounds: int | None = None) -> Reduced:
    """Return the loss of a policy of `RULES`; the seed is the examples' order and the policy's dice.

    `rounds` stops after so many; by default every example is one.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(examples.right.size)[:rounds]
    contexts, right = examples.contexts[order], examples.right[order]
    learner = Learner(RULES[policy], contexts, examples.actions, rng)
    start, wrong = time.perf_counter(), 0
    for label in right.tolist():
        chosen = learner.choose()
        reward = float(chosen == label)
        wrong += chosen != label
        learner.learn(chosen, reward)
    seconds = time.perf_counter() - start
    return Reduced(right.size, examples.actions, wrong / right.size, seconds)


class Learner:
    """A rule of choosing on regressions that begin anew when enough has been seen; contexts (N, d) come in order."""

    def __init__(self, rule: Rule, contexts: Floats, actions: int, rng: np.random.Generator) -> None:
        self._rule = rule
        self._contexts = contexts  # those up to `_number` have been seen
        self._count = actions
        self._rng = rng
        self._chosen: Indices = np.zeros(len(contexts), np.intp)
        self._rewards = np.zeros(len(contexts))
        self._number = 0
        self._landmarks = min(LANDMARKS, int(np.sqrt(NUMBERS / actions)))
        self._next, self._next_setting = FIRST, FIRST
        self._setting = Setting()
        self._model: tuple[Features, Regressions] | None = None
        self._features: Floats = np.zeros(0)

    def choose(self) -> int:
        """Return the action of this round."""
        if self._model is None:
            return int(self._rng.integers(self._count))
        features, regressions = self._model
        self._features = features.of(self._contexts[self._number : self._number + 1])[0]
        mu, sigma = regressions.score(self._features)
        return self._rule(mu, sigma, self._number + 1, self._rng)

    def learn(self, chosen: int, reward: float) -> None:
        """Take in the reward of this round's action, and go on to the next."""
        self._chosen[self._number], self._rewards[self._number] = chosen, reward
        self._number += 1
        if self._model is not None:
            self._model[1].learn(self._features, chosen, reward)
        if self._next <= self._number <= LAST:
            self._begin_anew()

    def _begin_anew(self) -> None:
        seen = slice(0, self._number)
        contexts, chosen, rewards = self._contexts[seen], self._chosen[seen], self._rewards[seen]
        if self._number >= self._next_setting:
            self._setting = best_setting(contexts, chosen, rewards, self._rng)
            self._next_setting = 2 * self._number
        features = features_of(contexts, self._setting.scaling, self._setting.reach, self._landmarks, self._rng)
        made = features.of(contexts)
        self._model = features, Regressions(made, chosen, rewards, count=self._count, noise=self._setting.noise)
        self._next = int(self._number * GROWTH) + 1
