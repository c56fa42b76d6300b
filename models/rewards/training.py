"""Bayesian linear regression by sufficient statistics that merge: incremental training equals training on all.

    A = ridge I + sum w x x',  m = A^-1 sum w x r,  s^2 = weighted mean squared error,  F = s A^(-T/2)

Simulated rows are a prior, not evidence: whatever their number, together they weigh at most `SIMULATED_MASS` rows,
so a population's own reactions soon outweigh them. Silence teaches nothing here: its reward is documented.

Source: Bishop, "Pattern Recognition and Machine Learning" (2006), 3.3, with a plug-in noise variance.
Limits: rewards are bounded and their noise is not constant; the posterior is honest about the mean's uncertainty only
as far as the linear model fits.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.decisions import Origin
from data_contracts.errors import Malformed
from data_contracts.features import FEATURES
from models.rewards import design
from models.rewards.action_features import ACTION_COLUMNS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RIDGE = 4.0
SIMULATED_MASS = 8_000.0
MIN_NOISE = 0.05
CHUNK = 8_192
# How far people differ before they have reacted, on the reward's scale (standard deviations).
PERSON_SCALE = {"tip": 0.03, "topic": 0.04}
PERSON_SCALE_ELSE = 0.015


class TrainingRows(NamedTuple):
    """N rewarded tips. Silent decisions and tips that were never seen are not among them."""

    vectors: Floats  # (N, features), in the units of the feature table
    masked: Bools  # (N, features)
    actions: Floats  # (N, k), of the chosen candidate
    rewards: Floats  # (N,), in [0, 1]
    simulated: Bools  # (N,)

    def chunks(self) -> Iterator["TrainingRows"]:
        """Yield the rows in pieces that fit the cache."""
        for start in range(0, self.rewards.size, CHUNK):
            yield self.where(slice(start, start + CHUNK))

    def where(self, part: slice | Bools) -> "TrainingRows":
        """Return some of the rows."""
        return TrainingRows(
            self.vectors[part], self.masked[part], self.actions[part], self.rewards[part], self.simulated[part]
        )

    def matrix(self) -> Floats:
        """Return the design X (N, D)."""
        return design.design(design.scaled_context(self.vectors, self.masked), self.actions)

    def origins(self) -> dict[str, int]:
        """Return how many rows are live and how many simulated."""
        simulated = int(self.simulated.sum())
        return {Origin.LIVE.value: self.rewards.size - simulated, Origin.SIMULATED.value: simulated}


def joined(parts: Sequence[TrainingRows]) -> TrainingRows:
    """Return all rows behind each other."""
    return TrainingRows(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def checked(rows: TrainingRows) -> TrainingRows:
    """Return the rows; raises `Malformed` naming the first row and rule when they cannot be learned from."""
    n = rows.rewards.size
    shapes = ((n, len(FEATURES)), (n, len(FEATURES)), (n, len(ACTION_COLUMNS)), (n,), (n,))
    for name, array, shape in zip(rows._fields, rows, shapes, strict=True):
        if array.shape != shape:
            raise Malformed(f"training array {name} has the shape {array.shape}, not {shape}")
    known = np.where(rows.masked, 0.0, rows.vectors)
    for rule, sound in (
        ("a vector is finite where it is not masked", np.isfinite(known).all(axis=1)),
        ("an action is finite", np.isfinite(rows.actions).all(axis=1)),
        ("a reward is in [0, 1]", (rows.rewards >= 0.0) & (rows.rewards <= 1.0)),
    ):
        if not sound.all():
            raise Malformed(f"training row {int(np.flatnonzero(~sound)[0])} breaks the rule: {rule}")
    return rows._replace(vectors=known)


class DataDigest:
    """The sha256 of rows as they come: in their order, however they are cut into parts."""

    def __init__(self) -> None:
        self._columns = [hashlib.sha256() for _ in TrainingRows._fields]

    def add(self, rows: TrainingRows) -> Self:
        """Take more rows in."""
        for column, array in zip(self._columns, rows, strict=True):
            column.update(np.ascontiguousarray(array).tobytes())
        return self

    def hex(self) -> str:
        """Return the digest of what came so far."""
        return hashlib.sha256(b"".join(column.digest() for column in self._columns)).hexdigest()


def data_digest(rows: TrainingRows) -> str:
    """Return the sha256 of the rows' bytes, in their order."""
    return DataDigest().add(rows).hex()


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Everything that rows of one origin say about a linear model; statistics of parts add up."""

    count: int
    gram: Floats  # (D, D)
    moment: Floats  # (D,)
    square: float  # sum of r^2
    total: float  # sum of r

    def __add__(self, other: "Statistics") -> "Statistics":
        """Return the statistics of both parts together."""
        return Statistics(
            self.count + other.count,
            self.gram + other.gram,
            self.moment + other.moment,
            self.square + other.square,
            self.total + other.total,
        )


class Evidence(NamedTuple):
    """Statistics by origin, kept apart so that simulated rows can be held to their mass."""

    live: Statistics
    simulated: Statistics

    def __add__(self, other: object) -> "Evidence":
        """Return the evidence of both parts together."""
        if not isinstance(other, Evidence):
            return NotImplemented
        return Evidence(self.live + other.live, self.simulated + other.simulated)


def nothing() -> Statistics:
    """Return the statistics of no rows."""
    return Statistics(0, np.zeros((design.D, design.D)), np.zeros(design.D), 0.0, 0.0)


def gather(rows: TrainingRows) -> Evidence:
    """Return the evidence of N rows; raises `Malformed` for rows that cannot be learned from."""
    parts = {False: nothing(), True: nothing()}
    for chunk in checked(rows).chunks():
        matrix = chunk.matrix()
        for origin in parts:
            of_origin = chunk.simulated == origin
            x, r = matrix[of_origin], chunk.rewards[of_origin]
            parts[origin] += Statistics(r.size, x.T @ x, x.T @ r, float(r @ r), float(r.sum()))
    return Evidence(parts[False], parts[True])


class Pooled(NamedTuple):
    """Sums over both origins, simulated rows held to their mass; `weight` is how many rows that is."""

    weight: float
    gram: Floats  # (D, D)
    moment: Floats  # (D,)
    square: float
    total: float


def pooled(evidence: Evidence, simulated_mass: float = SIMULATED_MASS) -> Pooled:
    """Return the sums that a model is fitted to."""
    live, simulated = evidence
    share = min(1.0, simulated_mass / simulated.count) if simulated.count else 0.0
    return Pooled(
        live.count + share * simulated.count,
        live.gram + share * simulated.gram,
        live.moment + share * simulated.moment,
        live.square + share * simulated.square,
        live.total + share * simulated.total,
    )


class Fit(NamedTuple):
    """The arrays of a linear policy, and what training says about itself."""

    arrays: dict[str, Floats]
    metrics: dict[str, float]


def fit(evidence: Evidence, *, ridge: float = RIDGE, simulated_mass: float = SIMULATED_MASS) -> Fit:
    """Return the posterior of the linear model given the evidence."""
    live, simulated = evidence
    weight, gram, moment, square, total = pooled(evidence, simulated_mass)
    lower = np.linalg.cholesky(gram + ridge * np.eye(design.D))
    whitened = np.linalg.inv(lower)
    mean = whitened.T @ (whitened @ moment)
    # gram and moment are sums over rows, so the squared error needs no second pass
    error = (square - 2.0 * mean @ moment + mean @ gram @ mean) / weight if weight else 0.25
    noise = max(float(np.sqrt(max(error, 0.0))), MIN_NOISE)
    variance = square / weight - (total / weight) ** 2 if weight else 0.0
    arrays = {
        "mean": mean,
        "factor": np.ascontiguousarray(noise * whitened.T),
        "person_scale": person_scale(),
        "noise": np.array([noise]),
    }
    metrics = {
        "rows_live": float(live.count),
        "rows_simulated": float(simulated.count),
        "mean_reward": total / weight if weight else 0.0,
        "rmse": noise,
        "explained_variance": 1.0 - noise**2 / variance if variance > 0.0 else 0.0,
    }
    return Fit(arrays, metrics)


def person_scale() -> Floats:
    """Return (d,) prior standard deviations of the person posterior."""
    kinds = (action.split(".", maxsplit=1)[0] if context is None else "" for action, context in design.PERSONAL)
    return np.array([PERSON_SCALE.get(kind, PERSON_SCALE_ELSE) for kind in kinds])
