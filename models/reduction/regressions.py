"""One ridge regression per action, with exact rank-one updates (Sherman & Morrison, 1950).

    mu_a(x)    = f'w_a,  w_a = (F_a'F_a + noise I)^-1 F_a'r_a
    sigma_a(x) = WIDTH / sqrt(1 + f'sum F_a / f'f): how many rows like x this action has had

Limits: sigma counts similar rows and does not ask how well they agreed.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import blas

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

WIDTH = 0.6


class Regressions:
    """What each action has taught, over features of D columns."""

    def __init__(self, features: Floats, actions: Indices, rewards: Floats, *, count: int, noise: float) -> None:
        d = features.shape[1]
        self._inverse: list[Floats] = []
        self._weights = np.zeros((count, d))
        self._sums = np.zeros((count, d))
        for action in range(count):
            rows = features[actions == action]
            gram = rows.T @ rows
            gram[np.diag_indices(d)] += noise
            inverse = np.linalg.inv(gram)
            self._inverse.append(np.asfortranarray(inverse))
            self._weights[action] = inverse @ (rows.T @ rewards[actions == action])
            self._sums[action] = rows.sum(axis=0)

    def score(self, features: Floats) -> tuple[Floats, Floats]:
        """Return mu and sigma, each (actions,), of one row of features (D,)."""
        similar = np.maximum(self._sums @ features, 0.0) / (features @ features)
        return self._weights @ features, WIDTH / np.sqrt(1.0 + similar)

    def learn(self, features: Floats, action: int, reward: float) -> None:
        """Take in one reward of one action at features (D,)."""
        inverse = self._inverse[action]
        gain = inverse @ features
        share = 1.0 / (1.0 + features @ gain)
        self._weights[action] += gain * (share * (reward - self._weights[action] @ features))
        self._sums[action] += features
        self._inverse[action] = blas.dger(-share, gain, gain, a=inverse, overwrite_a=1)
