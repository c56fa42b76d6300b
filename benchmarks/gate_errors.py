"""Error rates of the gate: promotions of a challenger that is worse, slightly worse, and better by 0.05.

Two policies each write a simulated log and are each evaluated on the other's: one way the challenger is better, the
other way worse. Logs as long as the power table asks for +0.05 are drawn from them, so that the true difference is
known: it is the whole log's. The gate's statistical rules are asked of each, with every difference moved to -0.05, to
just below 0, which is the hardest of all worse ones, and to +0.05. `ours` is the share of promotions of the better
one, `peer` the aim of 0.8; `equal`: of those that are worse by 0.05, in either direction, at most 1 % pass, as counted.
The level of the gate's interval was chosen on logs of seed 12; these have another one.

Limits: the reward model is fitted once on the whole log, rows are drawn one by one, and moving a difference leaves its
spread as it is.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.log_variance import difference_variance
from benchmarks.result import Result
from benchmarks.shares import share
from models.estimators import ESTIMATORS, PRIMARY
from models.estimators.batch import Batch, joined
from models.estimators.bootstrap import percentile_interval
from models.estimators.diagnostics import tally_weights
from models.estimators.evaluation import gather
from models.estimators.tally import begin
from models.logs.decision_log import write
from models.logs.logged_decisions import DecisionLog, PolicyTarget
from models.policies import LinearThompson, SquareCB
from models.policies.policy import Policy
from models.promotion.gate import MAX_SHARE, MAX_WEIGHT_Z, MIN_ESS
from models.promotion.power import LEVEL, rows_needed
from models.rewards.training import fit
from models.rewards.training import gather as learn
from models.simulation.simulated_log import simulated_log
from models.simulation.warm_start import warm_start

ROWS, LOGS, REPLICATES = 6_000, 500, 1_000
DIFFERENCE = 0.05
LOG_SEED = 13
AIM, WORST = 0.8, 0.01
PRIMARY_ESTIMATOR = next(each for each in ESTIMATORS if each.NAME == PRIMARY)


def _seen(incumbent: Policy, challenger: Policy) -> Batch:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        write(path, simulated_log(incumbent, seed=LOG_SEED, count=ROWS))
        return joined(gather(DecisionLog(path), PolicyTarget(challenger)).batches)


def _difference(rows: Batch) -> float:
    tally = begin((PRIMARY_ESTIMATOR,), replicates=0).add(rows)
    return tally.value(PRIMARY_ESTIMATOR) - tally.logged


def _lower_bounds(rows: Batch, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return (LOGS,) lower bounds minus the true difference; minus infinity where another rule already refuses."""
    truth, found = _difference(rows), np.full(LOGS, -np.inf)
    for number in range(LOGS):
        places = rng.integers(rows.reward.size, size=rows_needed(DIFFERENCE))
        drawn = Batch(
            rows.reward[places],
            rows.propensity[places],
            rows.target[places],
            rows.expected[places],
            rows.predicted[places],
        )
        weights = tally_weights(drawn.weight, np.ones(places.size)).read()
        if weights.ess >= MIN_ESS and weights.largest <= MAX_SHARE and abs(weights.weight_z) <= MAX_WEIGHT_Z:
            tally = begin((PRIMARY_ESTIMATOR,), seed=number, replicates=REPLICATES).add(drawn)
            low, _ = percentile_interval(tally.resampled(PRIMARY_ESTIMATOR) - tally.resampled_logged(), LEVEL)
            found[number] = low - truth
    return found


def run() -> Result:
    """Measure both ways."""
    weak = SquareCB.from_arrays(fit(learn(warm_start(2, 2, 2))).arrays)
    good = LinearThompson.from_arrays(fit(learn(warm_start(1, 100, 20))).arrays)
    rng = np.random.default_rng(1)
    told: dict[str, dict[str, Any]] = {}
    for way, rows in (("to the better", _seen(weak, good)), ("to the worse", _seen(good, weak))):
        bounds = _lower_bounds(rows, rng)
        told[way] = {
            "true_difference": _difference(rows),
            "variance": difference_variance(rows),
            **{
                name: share(int((bounds + moved > 0.0).sum()), LOGS)._asdict()
                for name, moved in (("worse", -DIFFERENCE), ("just_worse", 0.0), ("better", DIFFERENCE))
            },
        }
    better = float(told["to the better"]["better"]["value"])
    worst = max(float(way["worse"]["value"]) for way in told.values())
    return Result(
        name="gate_errors",
        ours=better,
        peer=AIM,
        unit="share",
        ratio=better / AIM,
        target=1.0,
        equal=worst <= WORST,
        notes={"rows": rows_needed(DIFFERENCE), "logs": LOGS, "promotions_of_worse": worst, "ways": told},
    )
