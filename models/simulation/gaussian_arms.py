"""Many small Gaussian regressions side by side: one per arm and lane, with rank-one updates.

    theta_l,a ~ N(m_l,a, noise^2 S_l,a),   S begins as diag(scale^2) / noise^2,   m as 0
    mu        = x'm,   sigma = noise sqrt(x'S x)
    after (x, r):   v = S x,   m += v (r - x'm) / (1 + x'v),   S -= v v' / (1 + x'v)        (Sherman & Morrison)

A lane is a person, or one of many replications of a run. S is kept as its upper triangle, so that all variances of a
decision are one product with the pairs x_i x_j. Scores of arms are independent, so a draw for each arm from
N(mu, sigma^2) is a Thompson draw of whole vectors theta, seen through x.

Source: Agrawal & Goyal, "Thompson Sampling for Contextual Bandits with Linear Payoffs" (2013), a model an arm.
Limits: rounding adds up over rank-one updates; after 10,000 of them an arm is still within 1e-9 of the full solution.
"""

import numpy as np
from numpy.typing import NDArray

from models.policies.policy import Floats, Indices


class GaussianArms:
    """(L, K) regressions of dimension d; `scale` (d,) are the prior's standard deviations."""

    def __init__(self, lanes: int, arms: int, scale: Floats, noise: float) -> None:
        d = scale.size
        self._rows, self._columns = np.triu_indices(d)
        self._twice = np.where(self._rows == self._columns, 1.0, 2.0)
        self._place = np.zeros((d, d), np.intp)
        self._place[self._rows, self._columns] = self._place[self._columns, self._rows] = np.arange(self._rows.size)
        self._prior = np.diag((scale / noise) ** 2)
        self._noise = noise
        self.mean = np.zeros((lanes, arms, d))
        self._triangle = np.tile(self._packed(self._prior), (lanes, arms, 1))

    @property
    def spread(self) -> Floats:
        """S as full matrices, (L, K, d, d)."""
        full: Floats = self._triangle[..., self._place]
        return full

    def scores(self, x: Floats) -> tuple[Floats, Floats]:
        """Return mu and sigma, (L, K), of contexts (L, K, d); an axis of 1 stands for the same in all."""
        pairs = x[..., self._rows] * x[..., self._columns] * self._twice
        mu = np.einsum("lad,lad->la", self.mean, x)
        variance = np.einsum("lat,lat->la", self._triangle, pairs)
        return mu, self._noise * np.sqrt(np.maximum(variance, 0.0))

    def learn(self, lane: Indices, arm: Indices, x: Floats, reward: Floats) -> None:
        """Take in N rewards (N,) of contexts (N, d), in order where one arm of one lane is told twice."""
        for now in _rounds(lane * self.mean.shape[1] + arm):
            self._learn_once(lane[now], arm[now], x[now], reward[now])

    def forget(self, share: float) -> None:
        """Let what was learned weigh `share` of what it did, as if each row had counted that much."""
        identity = np.linalg.inv(self._prior)
        precision = np.linalg.inv(self.spread)
        faded = np.linalg.inv(share * precision + (1.0 - share) * identity)
        self.mean = share * np.einsum("laij,lajk,lak->lai", faded, precision, self.mean)
        self._triangle = self._packed(faded)

    def _learn_once(self, lane: Indices, arm: Indices, x: Floats, reward: Floats) -> None:
        mean, triangle = self.mean[lane, arm], self._triangle[lane, arm]
        v = np.einsum("nij,nj->ni", triangle[:, self._place], x)
        surprise = 1.0 + np.einsum("ni,ni->n", v, x)
        error = (reward - np.einsum("ni,ni->n", mean, x)) / surprise
        self.mean[lane, arm] = mean + v * error[:, None]
        self._triangle[lane, arm] = triangle - v[:, self._rows] * v[:, self._columns] / surprise[:, None]

    def _packed(self, full: Floats) -> Floats:
        return full[..., self._rows, self._columns]


def _rounds(keys: Indices) -> list[NDArray[np.intp]]:
    """Return places such that no key comes twice in one round, the first of each key in the first round."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.append(True, ordered[1:] != ordered[:-1]) if keys.size else np.zeros(0, np.bool_)
    if first.all():
        return [np.arange(keys.size)]
    starts = np.flatnonzero(first)
    number = np.arange(keys.size) - np.repeat(starts, np.diff(np.append(starts, keys.size)))
    return [np.sort(order[number == each]) for each in range(int(number.max()) + 1)]
