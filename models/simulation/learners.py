"""How simulated policies learn and choose: one Gaussian model of topic, hour and wear, and one rule of choosing each.

    mu    = x'm + e_p,topic,            sigma^2 = noise^2 x'A^-1 x + noise^2 / (c_p,topic + 1 / spread^2)
    A     = ridge I + sum x x',         e_p,topic = residuals of that person and topic, drawn towards 0

Sums fade with a half-life of 20 days. `RULES` name the ways of choosing that the lab compares.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from data_contracts.reactions import SILENCE_SIGMA
from data_contracts.tips import Topic
from models.policy import EXPLORATION, Floats, Indices

TOPICS = len(Topic)
FEATURES = TOPICS + 4
RIDGE = 4.0
NOISE = 0.4
PRIOR_MEAN = 0.35
SPREAD = 4.0  # rows that the population weighs against a person's own
FORGET = 2.0 ** (-1.0 / 20.0)
EPSILON = 0.1
GAMMA_PER_ROW = 0.5
OPTIMISM = 1.0

Rule = Callable[[Floats, Floats, float, np.random.Generator], Indices]


def uniform(mu: Floats, sigma: Floats, rows: float, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - it knows nothing
    """Every action alike."""
    return np.asarray(rng.integers(mu.shape[1], size=mu.shape[0]), np.intp)


def greedy(mu: Floats, sigma: Floats, rows: float, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - it is sure
    """Return the largest mean."""
    return np.asarray(mu.argmax(axis=1), np.intp)


def thompson(mu: Floats, sigma: Floats, rows: float, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - sigma knows
    """Return the largest draw."""
    return np.asarray((mu + sigma * rng.standard_normal(mu.shape)).argmax(axis=1), np.intp)


def epsilon_greedy(mu: Floats, sigma: Floats, rows: float, rng: np.random.Generator) -> Indices:
    """Return the largest mean, or one time in ten any candidate."""
    explored = rng.random(mu.shape[0]) < EPSILON
    return np.where(explored, rng.integers(mu.shape[1] - 1, size=mu.shape[0]), greedy(mu, sigma, rows, rng))


def squarecb(mu: Floats, sigma: Floats, rows: float, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - gaps only
    """Weigh actions by the inverse of their gap to the best."""
    gamma = 10.0 + GAMMA_PER_ROW * np.sqrt(rows * mu.shape[1])
    best = np.asarray(mu.argmax(axis=1), np.intp)
    gaps = np.asarray(mu.max(axis=1))[:, None] - mu
    chances = 1.0 / (mu.shape[1] + gamma * gaps)
    chances[np.arange(mu.shape[0]), best] = 0.0
    points = rng.random((mu.shape[0], 1))
    reached = np.cumsum(chances, axis=1) > points
    return np.asarray(np.where(reached.any(axis=1), reached.argmax(axis=1), best), np.intp)


def regcb(mu: Floats, sigma: Floats, rows: float, rng: np.random.Generator) -> Indices:  # noqa: ARG001 - no dice
    """Return the largest upper bound."""
    return np.asarray((mu + OPTIMISM * sigma).argmax(axis=1), np.intp)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "linear_thompson": thompson,
        "greedy": greedy,
        "uniform": uniform,
        "epsilon_greedy": epsilon_greedy,
        "squarecb": squarecb,
        "regcb": regcb,
    }
)


class Learner:
    """One policy with its own knowledge of the crowd and of each person."""

    def __init__(self, rule: Rule, people: int) -> None:
        self._rule = rule
        self._gram = np.zeros((FEATURES, FEATURES))
        self._moment = np.zeros(FEATURES)
        self._count = np.zeros((people, TOPICS))
        self._residual = np.zeros((people, TOPICS))
        self._rows = 0.0
        self._posterior: tuple[Floats, Floats] | None = None

    def features(self, topic: Indices, hour: float, wear: Floats) -> Floats:
        """Return (N, FEATURES) of N topics at an hour of the day."""
        matrix = np.zeros((topic.size, FEATURES))
        matrix[np.arange(topic.size), topic] = 1.0
        angle = 2 * np.pi * hour / 24
        matrix[:, TOPICS:] = np.column_stack(
            (np.full(topic.size, np.sin(angle)), np.full(topic.size, np.cos(angle)), wear, np.minimum(wear, 1.0))
        )
        return matrix

    def choose(self, topics: Indices, hour: float, wear: Floats, silence: Floats, rng: np.random.Generator) -> Indices:
        """Return (P,) places among each person's (P, n) topics; n is silence, which brings `silence` (P,)."""
        people, n = topics.shape
        mean, inverse = self._solved()
        matrix = self.features(topics.ravel(), hour, wear.ravel())
        person = np.repeat(np.arange(people), n)
        weight = self._count[person, topics.ravel()] + SPREAD
        mu = PRIOR_MEAN + matrix @ mean + self._residual[person, topics.ravel()] / weight
        variance = NOISE**2 * (np.einsum("ij,jk,ik->i", matrix, inverse, matrix) + 1.0 / weight)
        scores = np.column_stack((mu.reshape(people, n), silence))
        spread = np.column_stack((np.sqrt(variance).reshape(people, n), np.full(people, SILENCE_SIGMA)))
        picks = self._rule(scores, spread, self._rows, rng)
        explored = rng.random(people) < EXPLORATION
        return np.where(explored, rng.integers(n, size=people), picks)

    def learn(self, people: Indices, topics: Indices, features: Floats, reward: Floats) -> None:
        """Take in N answers."""
        mean, _ = self._solved()
        error = reward - PRIOR_MEAN - features @ mean
        self._gram += features.T @ features
        self._moment += features.T @ (reward - PRIOR_MEAN)
        np.add.at(self._count, (people, topics), 1.0)
        np.add.at(self._residual, (people, topics), error)
        self._rows += reward.size
        self._posterior = None

    def forget_a_day(self) -> None:
        """Let everything that was learned weigh a little less."""
        self._gram *= FORGET
        self._moment *= FORGET
        self._count *= FORGET
        self._residual *= FORGET
        self._rows *= FORGET
        self._posterior = None

    def _solved(self) -> tuple[Floats, Floats]:
        if self._posterior is None:
            inverse: Floats = np.linalg.inv(self._gram + RIDGE * np.eye(FEATURES)).astype(np.float64)
            self._posterior = inverse @ self._moment, inverse
        return self._posterior
