"""The person posterior: a small Gaussian over what makes one person differ from the population.

    precision = diag(1 / scale^2) + g(latest) * sum_i w_i z_i z_i' / noise^2
    mean      = precision^-1  g(latest) * sum_i w_i z_i e_i / noise^2
    w_i = 2^((t_i - EPOCH) / half-life),  g(t) = 2^(-(t - EPOCH) / half-life)

z_i (d,) are the person columns of the chosen action, e_i is the reward minus the population's mean. Weights count
from a fixed epoch, so an old observation never has to be touched again and forgetting follows event time, not the
order of arrival. Floating-point sums depend on order, so observations are summed in (event time, id) order: one that
arrives late asks for `rebuild` from the log, which gives the very bits that arriving in time would have given.

Limits: the posterior stands as of the newest observation; silence of the person forgets nothing.
"""

import math
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.durations import DAY_US
from data_contracts.errors import Conflict, Malformed

Floats = NDArray[np.float64]

EPOCH_US = 1_704_067_200_000_000  # 2024-01-01; fixed for ever, weights count from here
HALF_LIFE_US = 60 * DAY_US
MAGIC = b"OOP1"
_HEAD = struct.Struct("<4sIIIq")  # magic, dimension, version, length of latest_id, latest_us


class PersonPrior(NamedTuple):
    """How far people differ from the population before anything is known; part of the policy."""

    scale: Floats  # (d,) standard deviations
    noise: float  # standard deviation of a reward around its mean


class Observation(NamedTuple):
    """One rewarded tip: its person columns, and the reward minus the population's mean."""

    at_us: int
    id: str
    columns: Floats  # (d,)
    residual: float


@dataclass(frozen=True, slots=True, eq=False)
class PersonPosterior:
    """The posterior N(mean, factor factor') of one person under one policy, and the sums behind it."""

    version: int  # grows with each change; a decision logs the one it used
    latest_us: int
    latest_id: str
    information: Floats  # (d (d + 1) / 2,) upper triangle of the weighted sum of z z', row by row
    moment: Floats  # (d,) weighted sum of z e
    mean: Floats  # (d,)
    factor: Floats  # (d, d): the variance of z'theta is |z factor|^2

    def follows(self, at_us: int, identifier: str) -> bool:
        """Whether an observation is newer than everything in here, so that `learn` may take it."""
        return (at_us, identifier) > (self.latest_us, self.latest_id)


def empty(prior: PersonPrior) -> PersonPosterior:
    """Return the person posterior of somebody who never reacted: the prior."""
    d = prior.scale.size
    return PersonPosterior(0, 0, "", np.zeros(d * (d + 1) // 2), np.zeros(d), np.zeros(d), np.diag(prior.scale))


def learn(part: PersonPosterior, prior: PersonPrior, observation: Observation) -> PersonPosterior:
    """Return the part after one more observation, one version later.

    Raises `Conflict` when the observation is not newer than all before: `rebuild` from the log instead. Raises
    `Malformed` when it is not finite or has another dimension.
    """
    if not part.follows(observation.at_us, observation.id):
        raise Conflict(f"observation {observation.id} came late: the person posterior must be rebuilt in order")
    information, moment = _add(part.information, part.moment, observation)
    return _posterior(prior, information, moment, part.version + 1, observation)


def rebuild(prior: PersonPrior, observations: Iterable[Observation], version: int | None = None) -> PersonPosterior:
    """Return the part of all observations, whatever order they come in; `version` defaults to their number.

    A caller that replaces a stored part passes the stored version plus one, so that versions never go back.
    """
    ordered = sorted(observations, key=lambda observation: (observation.at_us, observation.id))
    part = empty(prior)
    information, moment = part.information, part.moment
    for observation in ordered:
        information, moment = _add(information, moment, observation)
    version = len(ordered) if version is None else version
    if not ordered:
        return PersonPosterior(version, 0, "", information, moment, part.mean, part.factor)
    return _posterior(prior, information, moment, version, ordered[-1])


def _add(information: Floats, moment: Floats, observation: Observation) -> tuple[Floats, Floats]:
    z = observation.columns
    if z.shape != moment.shape or not (np.isfinite(z).all() and math.isfinite(observation.residual)):
        raise Malformed(f"observation {observation.id} is not {moment.size} finite columns and a finite residual")
    weight = 2.0 ** ((observation.at_us - EPOCH_US) / HALF_LIFE_US)
    rows, columns = _triangle(moment.size)
    return information + z[rows] * z[columns] * weight, moment + z * (weight * observation.residual)


@lru_cache(maxsize=4)
def _triangle(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    rows, columns = np.triu_indices(d)
    return rows, columns


def _posterior(
    prior: PersonPrior, information: Floats, moment: Floats, version: int, last: Observation
) -> PersonPosterior:
    gain = 2.0 ** (-(last.at_us - EPOCH_US) / HALF_LIFE_US) / prior.noise**2
    rows, columns = _triangle(moment.size)
    precision = np.empty((moment.size, moment.size))
    precision[rows, columns] = precision[columns, rows] = information * gain
    precision[np.diag_indices_from(precision)] += prior.scale**-2.0
    factor = np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(precision)).T)
    mean = factor @ (factor.T @ (moment * gain))
    return PersonPosterior(version, last.at_us, last.id, information, moment, mean, factor)


def pack(part: PersonPosterior) -> bytes:
    """Return the stored form, exact: 7.4 kB at d = 24."""
    identifier = part.latest_id.encode()
    identifier += b" " * (-len(identifier) % 8)  # keeps the arrays aligned
    head = _HEAD.pack(MAGIC, part.mean.size, part.version, len(identifier), part.latest_us)
    arrays = (part.information, part.moment, part.mean, part.factor)
    return b"".join((head, identifier, *(array.astype("<f8").tobytes() for array in arrays)))


def unpack(payload: bytes) -> PersonPosterior:
    """Return the person posterior of its stored form; raises `Malformed` when it is not one."""
    if len(payload) < _HEAD.size:
        raise Malformed("a person posterior is cut short")
    magic, d, version, length, latest_us = _HEAD.unpack_from(payload)
    start = _HEAD.size + length
    triangle = d * (d + 1) // 2
    if magic != MAGIC or len(payload) != start + 8 * (triangle + 2 * d + d * d):
        raise Malformed(f"a person posterior of {len(payload)} bytes is not one of dimension {d}")
    numbers = np.frombuffer(payload, "<f8", offset=start)
    information, posterior = numbers[:triangle], numbers[triangle:]
    moment, mean, factor = posterior[:d], posterior[d : 2 * d], posterior[2 * d :].reshape(d, d)
    identifier = payload[_HEAD.size : start].decode().rstrip(" ")
    return PersonPosterior(version, latest_us, identifier, information, moment, mean, factor)
