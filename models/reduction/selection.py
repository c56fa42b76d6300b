"""Selects scaling, kernel width and noise by the leave-one-out error of each action's regression.

Rewards of actions that were not chosen are not known, and not used.
Source: Allen, "The Relationship between Variable Selection and Data Augmentation" (1974): PRESS.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.reduction.features import REACHES, SCALINGS, kernels_of, scaling_of

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

NOISES = (0.03, 0.1, 0.3, 1.0)
ROWS = 800  # a sample is enough to compare, and keeps the cubes small
LEAST = 2  # rows of an action that can leave one out


class Setting(NamedTuple):
    """What a learner may choose about itself."""

    scaling: str = "columns"
    reach: float = 1.0
    noise: float = 0.1


def best_setting(contexts: Floats, actions: Indices, rewards: Floats, rng: np.random.Generator) -> Setting:
    """Return the setting with the smallest squared error on rows (n, d) that each regression had left out."""
    sample = rng.permutation(rewards.size)[:ROWS]
    actions, rewards = actions[sample], rewards[sample]
    groups = [
        rows for rows in (np.flatnonzero(actions == action) for action in np.unique(actions)) if rows.size >= LEAST
    ]
    if not groups:
        return Setting()
    errors: dict[Setting, float] = {}
    for kind in SCALINGS:
        scaled = scaling_of(contexts, kind).apply(contexts[sample])
        squares = np.einsum("ij,ij->i", scaled, scaled)
        for reach, kernel in zip(REACHES, kernels_of(scaled, REACHES), strict=True):
            matrix = kernel.between(scaled, scaled, squares)
            left_out = np.sum([_left_out(matrix[np.ix_(rows, rows)], rewards[rows]) for rows in groups], axis=0)
            errors |= {Setting(kind, reach, noise): error for noise, error in zip(NOISES, left_out, strict=True)}
    return min(errors, key=errors.__getitem__)


def _left_out(matrix: Floats, rewards: Floats) -> Floats:
    """Return (NOISES,) sums of squared errors of kernel ridge regression on rows that it did not see."""
    values, vectors = np.linalg.eigh(matrix)
    shrunk = 1.0 / (np.maximum(values, 0.0)[:, None] + np.array(NOISES))
    dual = vectors @ (shrunk * (vectors.T @ rewards)[:, None])
    errors: Floats = ((dual / (vectors**2 @ shrunk)) ** 2).sum(axis=0)
    return errors
