"""Logs of a small world whose truth is known."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.estimators.batch import Batch

ACTIONS = 4
MEANS = np.array([0.2, 0.4, 0.5, 0.7])
LOGGING = np.array([0.4, 0.3, 0.2, 0.1])
TARGET = np.array([0.1, 0.2, 0.3, 0.4])
TRUTH = float(TARGET @ MEANS)
LARGEST = float((TARGET / LOGGING).max())


class World(NamedTuple):
    """How rewards and predictions come about."""

    reward: NDArray[np.float64] | None = None  # None draws them from MEANS
    model: NDArray[np.float64] = MEANS


USUAL = World()


def log(seed: int, count: int, world: World = USUAL) -> Batch:
    """Return a log of `count` rows."""
    rng = np.random.default_rng(seed)
    taken = rng.choice(ACTIONS, count, p=LOGGING)
    drawn = (rng.random(count) < MEANS[taken]).astype(float)
    reward = drawn if world.reward is None else world.reward[taken]
    expected = np.full(count, float(TARGET @ world.model))
    return Batch(reward, LOGGING[taken], TARGET[taken], expected, world.model[taken])
