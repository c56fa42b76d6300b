"""Coverage of intervals: bootstrap, empirical Bernstein and betting, on simulated worlds with a known truth.

Each world has 20 kinds of context and 6 actions with their own chances of a reward; a wrong reward model is given, so
that doubly robust terms matter. A regime is a number of rows and how far the target is from the log:

    even     1,000 rows, weights of at most 2
    served   2,000 rows, weights up to about 10, as between two policies of ours
    edge       300 rows, an effective sample size just above the 100 that a verdict needs
    heavy      300 rows, weights up to about 100: no verdict is given there, the bootstrap is expected to fail

`looks` is the share of runs in which a betting interval held the truth at each of 20 looks: whoever stops at the worst
of them is still right that often. `ours` is the lowest coverage of Bernstein, betting and looks in any regime, `peer`
the nominal level. `equal`: that lowest one is at least nominal, and in the named regimes (even, served) the bootstrap
of every estimator that is no bound is within 3 points of nominal.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.result import Result
from benchmarks.shares import share
from models.estimators import DR, IPS, SNDR, SNIPS, Estimator, betting, empirical_bernstein
from models.estimators.batch import Batch
from models.estimators.bootstrap import percentile_interval
from models.estimators.diagnostics import tally_weights
from models.estimators.tally import begin

Floats = NDArray[np.float64]

LEVEL = 0.95
RUNS, REPLICATES, LOOKS = 400, 500, 20
CONTEXTS, ACTIONS = 20, 6
SLACK = 0.03
NAMED = ("even", "served")
BOOTSTRAPPED: tuple[Estimator, ...] = (IPS(), SNIPS(), DR(), SNDR())
BOUNDED: tuple[Estimator, ...] = (IPS(), DR())


class Regime(NamedTuple):
    """Rows of a log; how sharp the log and the target are; the log's least probability times actions."""

    name: str
    rows: int
    logged: float
    target: float
    floor: float


REGIMES = (
    Regime("even", 1_000, 0.0, 0.4, 1.0),
    Regime("served", 2_000, 1.5, 2.0, 0.2),
    Regime("edge", 300, 1.5, 1.9, 0.25),
    Regime("heavy", 300, 2.5, 3.0, 0.015),
)


class World(NamedTuple):
    """Chances (CONTEXTS, ACTIONS) of a reward, of the log and of the target; what the reward model believes."""

    means: Floats
    logged: Floats
    target: Floats
    believed: Floats

    @property
    def truth(self) -> float:
        """The target's value."""
        return float((self.target * self.means).sum(axis=1).mean())

    @property
    def largest(self) -> float:
        """The largest weight that can come."""
        return float((self.target / self.logged).max())


def world(regime: Regime) -> World:
    """Return the world of a regime, always the same."""
    rng = np.random.default_rng(7)
    means = rng.beta(2.0, 3.0, (CONTEXTS, ACTIONS))
    scores = rng.normal(size=(2, CONTEXTS, ACTIONS))
    logged = (1.0 - regime.floor) * _softmax(regime.logged * scores[0]) + regime.floor / ACTIONS
    target = _softmax(regime.target * (0.3 * scores[0] + 0.7 * scores[1]))
    return World(means, logged, target, 0.5 * means + 0.2)


def log(made: World, rows: int, rng: np.random.Generator) -> Batch:
    """Return a log of independent rows."""
    context = rng.integers(CONTEXTS, size=rows)
    action = (rng.random((rows, 1)) > np.cumsum(made.logged[context], axis=1)[:, :-1]).sum(axis=1)
    reward = (rng.random(rows) < made.means[context, action]).astype(np.float64)
    expected = (made.target * made.believed).sum(axis=1)[context]
    at = (context, action)
    return Batch(reward, made.logged[at], made.target[at], expected, made.believed[at])


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Floats = weights / weights.sum(axis=1, keepdims=True)
    return shares


def covered(regime: Regime, runs: int = RUNS) -> dict[str, dict[str, int]]:
    """Return how many of `runs` logs' intervals held the truth, by kind of interval and estimator."""
    made = world(regime)
    hits = {kind: dict.fromkeys(names, 0) for kind, names in _kinds().items()}
    for seed in range(runs):
        batch = log(made, regime.rows, np.random.default_rng([11, seed]))
        tally = begin(BOOTSTRAPPED, seed=seed, replicates=REPLICATES).add(batch)
        for each in BOOTSTRAPPED:
            hits["bootstrap"][each.NAME] += _holds(percentile_interval(tally.resampled(each), LEVEL), made.truth)
        for each in BOUNDED:
            bounds = each.bounds(made.largest)
            assert bounds is not None
            mean, variance = tally.moments(each)
            fixed = empirical_bernstein.interval(
                count=tally.count, mean=mean, variance=variance, low=bounds.low, high=bounds.high, level=LEVEL
            )
            hits["bernstein"][each.NAME] += _holds(fixed, made.truth)
            game, looks = betting.begin(bounds.low, bounds.high), []
            for part in np.array_split(each.terms(batch)[:, 0], LOOKS):
                game = game.add(part)
                looks.append(_holds(game.interval(LEVEL), made.truth))
            hits["betting"][each.NAME] += looks[-1]
            hits["looks"][each.NAME] += all(looks)
    return hits


def _kinds() -> dict[str, list[str]]:
    bounded = [each.NAME for each in BOUNDED]
    every = [each.NAME for each in BOOTSTRAPPED]
    return {"bootstrap": every, "bernstein": bounded, "betting": bounded, "looks": bounded}


def _holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def _described(regime: Regime) -> dict[str, object]:
    made = world(regime)
    weight = log(made, regime.rows, np.random.default_rng(5)).weight
    ess = tally_weights(weight, np.ones(weight.size)).read().ess
    return {"regime": regime.name, "rows": regime.rows, "largest_weight": made.largest, "ess": ess}


def run() -> Result:
    """Measure every regime."""
    rows, valid, near = [], [], []
    for regime in REGIMES:
        found = {
            kind: {name: share(hits, RUNS)._asdict() for name, hits in each.items()}
            for kind, each in covered(regime).items()
        }
        rows.append({**_described(regime), **found})
        for kind in ("bernstein", "betting", "looks"):
            valid += [each["value"] for each in found[kind].values()]
        if regime.name in NAMED:
            near += [abs(each["value"] - LEVEL) for each in found["bootstrap"].values()]
    return Result(
        name="coverage",
        ours=min(valid),
        peer=LEVEL,
        unit="share",
        ratio=min(valid) / LEVEL,
        target=1.0,
        equal=min(valid) >= LEVEL and max(near) <= SLACK,
        notes={"runs": RUNS, "looks": LOOKS, "named": list(NAMED), "bootstrap_off_by": max(near), "regimes": rows},
    )
