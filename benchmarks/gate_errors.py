"""How often the gate's evidence is wrong: promotions of a worse challenger, and of one that is better by about 0.06.

Two policies write simulated logs of one world; each is evaluated on the other's log, so one way the challenger is
better and the other way it is worse, by a difference that both logs' own means tell. Logs as long as the power table
asks for +0.05 are drawn from them again and again, and the gate's statistical rules are asked. `ours` is the share of
promotions of the better one, `peer` is the aim of 0.8; `equal` says that the worse one passes in at most 1 %.
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.result import Result
from models.decision_log import write
from models.estimators import ESTIMATORS, PRIMARY
from models.estimators.batch import Batch, joined
from models.estimators.bootstrap import percentile_interval
from models.estimators.diagnostics import tally_weights
from models.estimators.tally import begin
from models.evaluation import LEVEL, gather
from models.gate import MAX_SHARE, MIN_ESS
from models.logged_decisions import DecisionLog, PolicyTarget
from models.policies import LinearThompson, SquareCB
from models.policy import Policy
from models.power import rows_needed
from models.simulation.simulated_log import simulated_log
from models.simulation.warm_start import warm_start
from models.training import fit
from models.training import gather as learn

ROWS, LOGS, REPLICATES = 6_000, 200, 300
DIFFERENCE = 0.05
AIM, WORST = 0.8, 0.01


def _seen(incumbent: Policy, challenger: Policy) -> tuple[Batch, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        write(path, simulated_log(incumbent, seed=12, count=ROWS))
        rows = joined(gather(DecisionLog(path), PolicyTarget(challenger)).batches)
    return rows, float(rows.reward.mean())


def _promotions(rows: Batch, rng: np.random.Generator) -> float:
    """Return the share of drawn logs on which the statistical rules pass."""
    primary = next(each for each in ESTIMATORS if each.NAME == PRIMARY)
    passed = 0
    for number in range(LOGS):
        places = rng.integers(rows.reward.size, size=rows_needed(DIFFERENCE))
        drawn = Batch(
            rows.reward[places],
            rows.propensity[places],
            rows.target[places],
            rows.expected[places],
            rows.predicted[places],
        )
        tally = begin((primary,), seed=number, replicates=REPLICATES).add(drawn)
        low, _ = percentile_interval(tally.resampled(primary) - tally.resampled_logged(), LEVEL)
        weights = tally_weights(drawn.weight, np.ones(places.size)).read()
        passed += low > 0.0 and weights.ess >= MIN_ESS and weights.largest <= MAX_SHARE
    return passed / LOGS


def run() -> Result:
    """Measure both ways."""
    weak = SquareCB.from_arrays(fit(learn(warm_start(2, 2, 2))).arrays)
    good = LinearThompson.from_arrays(fit(learn(warm_start(1, 100, 20))).arrays)
    forth, weak_value = _seen(weak, good)
    back, good_value = _seen(good, weak)
    rng = np.random.default_rng(1)
    better, worse = _promotions(forth, rng), _promotions(back, rng)
    return Result(
        name="gate_errors",
        ours=better,
        peer=AIM,
        unit="share",
        ratio=better / AIM,
        target=1.0,
        equal=worse <= WORST,
        notes={
            "rows": rows_needed(DIFFERENCE),
            "true_difference": good_value - weak_value,
            "promotions_of_the_better": better,
            "promotions_of_the_worse": worse,
            "logs": LOGS,
        },
    )
