"""Evaluates a policy off-policy: every estimator, its intervals, and one conclusion.

The conclusion is drawn from the estimator declared in `models.estimators.PRIMARY`, as the paired difference to the
log's own mean reward, with a 99 % interval (`models.promotion.power` says why). Where the log cannot carry a
conclusion, that is the conclusion.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data_contracts.errors import Malformed
from models.estimators import ESTIMATORS, PRIMARY, Estimator, betting, empirical_bernstein
from models.estimators.batch import Batch
from models.estimators.bootstrap import REPLICATES, percentile_interval
from models.estimators.diagnostics import Diagnostics, WeightTally, tally_calibration, tally_weights
from models.estimators.tally import Tally, begin
from models.logs.arrays import Floats, Log, Logged, RewardModel, Target
from models.promotion import power

LEVEL = 0.95
BETTER, WORSE, UNDECIDED, TOO_LITTLE = "better", "worse", "no difference shown", "not enough evidence"
MIN_ROWS, MIN_ESS, MIN_OVERLAP = 200, 100.0, 0.95
ROUNDING = 1e-12  # rewards that are all the same differ from their weighted mean by less
MAX_SHARE, MAX_WEIGHT_Z, MAX_CALIBRATION = 0.1, 4.0, 5.0


class Interval(NamedTuple):
    """A range at level 0.95; NaN where there is none."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one estimator says; `low` and `high` are of the bootstrap, the others stand where terms are bounded."""

    value: float
    low: float
    high: float
    ess: float
    n: int
    empirical_bernstein: Interval | None = None
    betting: Interval | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answer; `lift` is the primary estimate minus the log's mean reward, paired."""

    policy: str
    verdict: str
    reason: str
    primary: str
    logged_value: float
    lift: float
    lift_low: float
    lift_high: float
    simulated: bool
    estimates: dict[str, Estimate]
    diagnostics: Diagnostics


class Gathered(NamedTuple):
    """A log under a target, ready to be tallied; the largest weight bounds every row's."""

    batches: list[Batch]
    weights: WeightTally
    largest: float


def gather(log: Log, target: Target) -> Gathered:
    """Return what estimators see of a log; raises `Malformed` when it has no rewarded row."""
    model = log.reward_model()
    batches, weights, largest = [], WeightTally(), 0.0
    for rows in log.chunks():
        chances = target.probabilities(rows)
        batch = _batch(rows, chances, model)
        batches.append(batch)
        weights += _diagnosed(rows, chances, batch)
        largest = max(largest, _largest(rows, chances, batch))
    if not batches:
        raise Malformed("the log has no rewarded decision")
    return Gathered(batches, weights, largest)


def evaluate(
    log: Log, target: Target, *, seed: int = 1, replicates: int = REPLICATES, sequences: bool = True
) -> Evaluation:
    """Return what the log says about the target; without `sequences` the slow betting intervals are left out."""
    gathered = gather(log, target)
    tally = begin(ESTIMATORS, seed=seed, replicates=replicates)
    for batch in gathered.batches:
        tally = tally.add(batch)
    diagnostics = gathered.weights.read()
    estimates = {
        each.NAME: _estimate(each, tally, gathered, diagnostics.ess, sequences=sequences) for each in ESTIMATORS
    }
    primary = next(each for each in ESTIMATORS if each.NAME == PRIMARY)
    interval = percentile_interval(tally.resampled(primary) - tally.resampled_logged(), power.LEVEL)
    lift, low, high = (
        0.0 if abs(number) < ROUNDING else number for number in (estimates[PRIMARY].value - tally.logged, *interval)
    )
    verdict, reason = conclusion(diagnostics, Interval(low, high))
    return Evaluation(
        policy=target.name,
        verdict=verdict,
        reason=reason,
        primary=PRIMARY,
        logged_value=tally.logged,
        lift=lift,
        lift_low=low,
        lift_high=high,
        simulated=log.simulated,
        estimates=estimates,
        diagnostics=diagnostics,
    )


def conclusion(diagnostics: Diagnostics, lift: Interval) -> tuple[str, str]:
    """Return the verdict and the number behind it."""
    for name, value, least in (
        ("rows", float(diagnostics.n), float(MIN_ROWS)),
        ("effective sample size", diagnostics.ess, MIN_ESS),
        ("overlap", diagnostics.overlap, MIN_OVERLAP),
    ):
        if not value >= least:
            return TOO_LITTLE, f"{name} is {value:.4g}, at least {least:g} is needed"
    for name, value, most in (
        ("the heaviest weight's share", diagnostics.largest, MAX_SHARE),
        ("the mean weight's distance from 1 in standard errors", abs(diagnostics.weight_z), MAX_WEIGHT_Z),
        ("the calibration gap of logged propensities in sigmas", diagnostics.calibration or 0.0, MAX_CALIBRATION),
    ):
        if not value <= most:
            return TOO_LITTLE, f"{name} is {value:.4g}, at most {most:g} is allowed"
    told = f"the difference to the log is in [{lift.low:+.4f}, {lift.high:+.4f}]"
    could = f"one of {power.detectable(*lift):.3f} would show in four of five such logs"
    if lift.low > 0.0:
        return BETTER, told
    return (WORSE, told) if lift.high < 0.0 else (UNDECIDED, f"{told}; {could}")


def _batch(rows: Logged, chances: Floats, model: RewardModel) -> Batch:
    predicted = model.predict(rows)
    return Batch(
        rows.reward,
        rows.propensity,
        chances[rows.taken],
        rows.per_row(chances * predicted),
        predicted[rows.taken],
        rows.start,
    )


def _diagnosed(rows: Logged, chances: Floats, batch: Batch) -> WeightTally:
    if rows.probabilities is None:
        return tally_weights(batch.weight, np.ones(rows.reward.size))
    taken = np.zeros(rows.probabilities.size, np.bool_)
    taken[rows.taken] = True
    covered = rows.per_row(chances * (rows.probabilities > 0.0))
    return tally_weights(batch.weight, covered) + tally_calibration(rows.probabilities, taken)


def _largest(rows: Logged, chances: Floats, batch: Batch) -> float:
    """Return the largest weight that any action of these rows could have had."""
    if rows.probabilities is None:
        return float(batch.weight.max())
    possible = rows.probabilities > 0.0
    return float((chances[possible] / rows.probabilities[possible]).max())


def _estimate(each: Estimator, tally: Tally, gathered: Gathered, ess: float, *, sequences: bool) -> Estimate:
    low, high = percentile_interval(tally.resampled(each), LEVEL)
    value = tally.value(each)
    bounds = each.bounds(gathered.largest)
    if bounds is None or math.isnan(value) or bounds.high <= bounds.low:
        return Estimate(value, low, high, ess, tally.count)
    mean, variance = tally.moments(each)
    fixed = empirical_bernstein.interval(
        count=tally.count, mean=mean, variance=variance, low=bounds.low, high=bounds.high, level=LEVEL
    )
    if not sequences:
        return Estimate(value, low, high, ess, tally.count, Interval(*fixed))
    game = betting.begin(bounds.low, bounds.high)
    for batch in gathered.batches:
        game = game.add(each.terms(batch)[:, 0])
    return Estimate(value, low, high, ess, tally.count, Interval(*fixed), Interval(*game.interval()))
