"""How noisy one row's term of the paired difference is: what `models.promotion.power.VARIANCE` plans with.

Six policies, two ways of choosing on models that learned from little, some and much, each write a log of the simulated
world and are each evaluated on the five others' logs. The rule was written before the numbers were seen: power is about
challengers that are better, so the planning value is the largest variance among the pairs whose challenger's own log
has a mean reward higher by `BETTER`, rounded up to a half. `ours` is that largest one, `peer` the constant in use;
`equal`: the constant is what the rule says.
"""

import math
import tempfile
from itertools import permutations
from pathlib import Path

import numpy as np

from benchmarks.result import Result
from models.estimators.batch import Batch, joined
from models.estimators.diagnostics import tally_weights
from models.estimators.evaluation import gather
from models.logs.decision_log import write
from models.logs.logged_decisions import DecisionLog, PolicyTarget
from models.policies import LinearThompson, SquareCB
from models.policies.policy import Policy
from models.promotion.power import VARIANCE
from models.rewards.training import fit
from models.rewards.training import gather as learn
from models.simulation.simulated_log import simulated_log
from models.simulation.warm_start import warm_start

ROWS, SEED = 1_500, 21
BETTER = 0.02
LEARNED = {"little": (31, 2, 2), "some": (32, 20, 10), "much": (33, 100, 20)}  # seed, people, days


def difference_variance(rows: Batch) -> float:
    """Return the variance of q(pi) + w (r - q) - r over rows: what sndr's difference to the log has a row."""
    terms = rows.expected + rows.weight * (rows.reward - rows.predicted) - rows.reward
    return float(terms.var())


def run() -> Result:
    """Measure every ordered pair."""
    policies: dict[str, Policy] = {}
    for name, (seed, people, days) in LEARNED.items():
        arrays = fit(learn(warm_start(seed, people, days))).arrays
        policies[f"linear_thompson, {name}"] = LinearThompson.from_arrays(arrays)
        policies[f"squarecb, {name}"] = SquareCB.from_arrays(arrays)
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        logs, means = {}, {}
        for number, (name, policy) in enumerate(policies.items()):
            path = Path(folder) / f"{number}.parquet"
            write(path, simulated_log(policy, seed=SEED, count=ROWS))
            logs[name] = DecisionLog(path)
            means[name] = float(np.concatenate([rows.reward for rows in logs[name].chunks()]).mean())
        for incumbent, challenger in permutations(policies, 2):
            rows = joined(gather(logs[incumbent], PolicyTarget(policies[challenger])).batches)
            pairs.append(
                {
                    "incumbent": incumbent,
                    "challenger": challenger,
                    "difference": means[challenger] - means[incumbent],
                    "ess_share": tally_weights(rows.weight, np.ones(ROWS)).read().ess / ROWS,
                    "variance": difference_variance(rows),
                }
            )
    largest = max(float(str(pair["variance"])) for pair in pairs if float(str(pair["difference"])) > BETTER)
    return Result(
        name="log_variance",
        ours=largest,
        peer=VARIANCE,
        unit="reward^2",
        ratio=VARIANCE / largest,
        target=1.0,
        equal=math.ceil(2 * largest) / 2 == VARIANCE,
        notes={"rows": ROWS, "better_by": BETTER, "pairs": pairs},
    )
