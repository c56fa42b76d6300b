"""A linear model whose rewards wear off with exposure to a meaning, and recover with time.

    X_a = h_a design_a,   h_a = 1 - depth s_a^rate,   s_a = exp(-hours since a tip of the same cluster was seen / 24)

`s` is the action column `shown_lately`, so a power of it is any exponential recovery, one of 24 / rate hours. Depth and
rate are those with the smallest squared error on the training rows, where a likelihood-ratio test shows them at 1 %;
else the depth is 0, which is `models.rewards.linear` itself. All depths come from the same sums, since scaled sums are
polynomials in the depth:

    sum h^2 x x' = G - 2 depth G_1 + depth^2 G_2,   sum h x r = m - depth m_1,   G_k = sum s^(k rate) x x'

Source: Kleinberg & Immorlica, "Recharging Bandits" (2018), for rewards that grow with the time since an arm was last
played; Mintz et al., "Nonstationary Bandits with Habituation and Recovery Dynamics" (2020).
Limits: only the newest exposure counts, not how many there were; depth and rate are everybody's; a choice does not look
ahead to what it will cost the next one.
"""

import math
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, NamedTuple

import numpy as np

from data_contracts.errors import ArtifactRefused
from models.policies.policy import Floats
from models.rewards import design
from models.rewards.action_features import ACTION
from models.rewards.linear import LinearModel
from models.rewards.training import (
    MIN_NOISE,
    RIDGE,
    Evidence,
    Fit,
    Statistics,
    TrainingRows,
    checked,
    fit,
    gather,
    nothing,
    pooled,
)

SHOWN = ACTION["shown_lately"]
RATES = (0.25, 0.5, 1.0, 2.0, 4.0)
DEPTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SHOWN_BY = 9.21  # likelihood ratio for two more numbers at 1 %, chi-square


@dataclass(frozen=True, slots=True, eq=False)
class HabituationModel(LinearModel):
    """The arrays of `LinearModel`, and habituation (2,): depth in [0, 1) and rate above 0."""

    SHAPES: ClassVar[dict[str, tuple[int, ...]]] = {**LinearModel.SHAPES, "habituation": (2,)}

    habituation: Floats

    def __post_init__(self) -> None:
        """Refuse a depth that turns rewards round, and a rate that does not recover."""
        depth, rate = self.habituation
        if not (0.0 <= depth < 1.0 and rate > 0.0):
            raise ArtifactRefused(f"habituation is a depth in [0, 1) and a rate above 0, not {depth:g} and {rate:g}")

    def matrix(self, values: Floats, actions: Floats) -> Floats:
        """Return the design (n, D), each action's row scaled by what habituation leaves of it."""
        return design.design(values, actions) * self.left(actions)[:, None]

    def left(self, actions: Floats) -> Floats:
        """Return (n,) what habituation leaves of the rewards of actions (n, k)."""
        depth, rate = self.habituation
        left: Floats = 1.0 - depth * actions[:, SHOWN] ** rate
        return left


class _Worn(NamedTuple):
    """The sums G_1, G_2 and m_1 of one origin at one rate."""

    once: Floats
    twice: Floats
    moment: Floats


def fit_habituation(rows: TrainingRows) -> Fit:
    """Return the arrays of `HabituationModel` for rows; raises `Malformed` for rows that cannot be learned from."""
    rows = checked(rows)
    evidence = best = gather(rows)
    told, least = (0.0, 1.0), _misfit(evidence) - SHOWN_BY
    for (rate, worn), depth in product(zip(RATES, _worn(rows), strict=True), DEPTHS):
        scaled = Evidence(*(_scaled(*each, depth) for each in zip(evidence, worn, strict=True)))
        misfit = _misfit(scaled)
        if misfit < least:
            best, told, least = scaled, (depth, rate), misfit
    made = fit(best)
    metrics = {**made.metrics, "habituation_depth": told[0], "habituation_hours": 24.0 / told[1]}
    return Fit({**made.arrays, "habituation": np.array(told)}, metrics)


def _misfit(evidence: Evidence) -> float:
    """Return minus twice the log-likelihood of the best weights, but for a constant."""
    weight, gram, moment, square, _ = pooled(evidence)
    mean = np.linalg.solve(gram + RIDGE * np.eye(design.D), moment)
    error = square - 2.0 * mean @ moment + mean @ gram @ mean
    return weight * math.log(max(float(error) / weight, MIN_NOISE**2)) if weight else 0.0


def _scaled(whole: Statistics, worn: _Worn, depth: float) -> Statistics:
    gram = whole.gram - 2.0 * depth * worn.once + depth**2 * worn.twice
    return Statistics(whole.count, gram, whole.moment - depth * worn.moment, whole.square, whole.total)


def _worn(rows: TrainingRows) -> list[tuple[_Worn, _Worn]]:
    """Return for each of `RATES` the sums of live and of simulated rows; who was not exposed adds nothing to them."""
    exposed = rows.actions[:, SHOWN] > 0.0
    zero = _Worn(nothing().gram, nothing().gram, nothing().moment)
    sums = [[zero, zero] for _ in RATES]
    for origin in (0, 1):
        for chunk in rows.where(exposed & (rows.simulated == origin)).chunks():
            x, shown = chunk.matrix(), chunk.actions[:, SHOWN, None]
            for rate, of_rate in zip(RATES, sums, strict=True):
                y, before = x * shown**rate, of_rate[origin]
                moment = before.moment + y.T @ chunk.rewards
                of_rate[origin] = _Worn(before.once + x.T @ y, before.twice + y.T @ y, moment)
    return [(live, simulated) for live, simulated in sums]
