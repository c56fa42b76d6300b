"""How simulated policies learn: a population model per topic, and a model per person and topic on top of it.

    x     = (1, sin hour, cos hour, wear, min(wear, 1)),  hour as an angle of the day
    mu    = 0.35 + x'm_topic + x'm_p,topic,   sigma^2 = the sum of both variances

The crowd's part is a ridge regression on all answers, the person's a Gaussian regression on what the crowd's part
left over, moved by each answer (`models.simulation.gaussian_arms`). Both fade with a half-life of 20 days, the person's
in steps of five. This is the product's split into population and person; its features are fewer.
"""

import numpy as np

from data_contracts.rewards import SILENCE_SIGMA
from data_contracts.tips import Topic
from models.policies.policy import Floats, Indices
from models.simulation.gaussian_arms import GaussianArms
from models.simulation.rules import Rule

TOPICS = len(Topic)
NOISE = 0.4
PRIOR_MEAN = 0.35
CROWD_SCALE = np.array([0.2, 0.2, 0.2, 0.1, 0.2])  # standard deviations of weights before anything is known
PERSON_SCALE = np.array([0.2, 0.05, 0.05, 0.02, 0.05])
FORGET = 2.0 ** (-1.0 / 20.0)  # a day
STEP_DAYS = 5  # fading a person's posterior takes an inverse an arm


class Learner:
    """One policy with its own knowledge of the crowd and of each person."""

    def __init__(self, rule: Rule, people: int) -> None:
        self._rule = rule
        self._gram = np.zeros((TOPICS, CROWD_SCALE.size, CROWD_SCALE.size))
        self._moment = np.zeros((TOPICS, CROWD_SCALE.size))
        self._solved: tuple[Floats, Floats] | None = None
        self._people = GaussianArms(people, TOPICS, PERSON_SCALE, NOISE)
        self._days = 0

    @staticmethod
    def features(hour: float, wear: Floats) -> Floats:
        """Return (..., 5) of wear (...) at an hour of the day."""
        angle = 2 * np.pi * hour / 24
        ones = np.ones_like(wear)
        return np.stack((ones, np.sin(angle) * ones, np.cos(angle) * ones, wear, np.minimum(wear, 1.0)), axis=-1)

    def choose(self, topics: Indices, x: Floats, silence: Floats, rng: np.random.Generator) -> Indices:
        """Return (P,) places among each person's (P, n) topics; n is silence, which brings `silence` (P,).

        `x` (P, topics, 5) are the features of every topic for every person.
        """
        people, n = topics.shape
        weights, inverse = self._crowd()
        mu, sigma = self._people.scores(x)
        mu = mu + PRIOR_MEAN + np.einsum("pti,ti->pt", x, weights)
        variance = sigma**2 + NOISE**2 * np.einsum("pti,pti->pt", np.einsum("pti,tij->ptj", x, inverse), x)
        scores, spread = np.empty((people, n + 1)), np.empty((people, n + 1))
        scores[:, :n], scores[:, n] = np.take_along_axis(mu, topics, axis=1), silence
        spread[:, :n], spread[:, n] = np.sqrt(np.take_along_axis(variance, topics, axis=1)), SILENCE_SIGMA
        return self._rule(scores, spread, rng)

    def learn(self, people: Indices, topics: Indices, x: Floats, reward: Floats) -> None:
        """Take in N answers."""
        weights, _ = self._crowd()
        gain = reward - PRIOR_MEAN
        self._people.learn(people, topics, x, gain - np.einsum("ni,ni->n", x, weights[topics]))
        np.add.at(self._gram, topics, x[:, :, None] * x[:, None, :])
        np.add.at(self._moment, topics, x * gain[:, None])
        self._solved = None

    def forget_a_day(self) -> None:
        """Let everything that was learned weigh a little less."""
        self._gram *= FORGET
        self._moment *= FORGET
        self._solved = None
        self._days += 1
        if self._days % STEP_DAYS == 0:
            self._people.forget(FORGET**STEP_DAYS)

    def _crowd(self) -> tuple[Floats, Floats]:
        """Return the crowd's weights (topics, 5), and their variances over that of the noise (topics, 5, 5)."""
        if self._solved is None:
            inverse = np.linalg.inv(self._gram + np.diag((NOISE / CROWD_SCALE) ** 2)).astype(np.float64)
            self._solved = np.einsum("tij,tj->ti", inverse, self._moment), inverse
        return self._solved
