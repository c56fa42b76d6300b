"""Whether other features make Thompson sampling choose better tips: each design against the plain line, seed by seed.

Per seed: a population of the simulated world, a log of uniform choices to learn from, and fresh moments with twelve
candidates, in which a policy is worth the expected reward of its exact probabilities. Every design is the same Bayesian
regression with the same ridge on other columns of the same 26 action and 50 context numbers; only the habituated one
fits two numbers more. At matched compute means as many columns as the plain design has: the spread of a choice costs
n D^2. `twice` has as many again, to see what is left out. There is no person posterior: it would be the same for all.

    plain          products of action and context chosen by hand (`models.rewards.design`)
    habituated     `models.rewards.habituation`, the plain columns worn off by recent exposure
    fourier        the action's columns, the rest cos(w'z + b), w normal of scale 1 / 4 (Rahimi & Recht, 2007)
    interactions   the action's columns, the rest products of two columns, drawn at random
    piecewise      the action's columns, the rest hinges max(z_j - knot, 0) times a topic, drawn at random
    fourier twice, interactions twice, piecewise twice     the plain design, and as many of these

`ours` is the value of the best other design, `peer` the plain one's, `ratio` their quotient. The target is about the
largest lower bound of a paired difference over seeds (95 %, Student's t): where it is above 0 that design ships.
"""

import math
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import t

from benchmarks.result import Result
from data_contracts.rewards import SILENCE_SIGMA, silence_reward
from models.policies.policy import Floats
from models.policies.propensity import argmax_probabilities
from models.policies.rules import with_floor
from models.rewards import design
from models.rewards.action_features import ACTION_COLUMNS
from models.rewards.habituation import HabituationModel, fit_habituation
from models.rewards.training import MIN_NOISE, RIDGE
from models.simulation.answers import answers
from models.simulation.moments import moments
from models.simulation.offers import offers
from models.simulation.people import people
from models.simulation.warm_start import warm_start

SEEDS = 24
PEOPLE, DAYS = 60, 30  # of the log: 21,600 rewarded tips
MOMENTS, CANDIDATES = 600, 12
LEVEL = 0.95
Columns = Callable[[Floats, Floats], Floats]  # (n, CONTEXT), (n, k) -> (n, D)


def plain(values: Floats, actions: Floats) -> Floats:
    """Return the served design."""
    return np.ascontiguousarray(design.design(values, actions))


def drawn(kind: str, extra: int, rng: np.random.Generator) -> Columns:
    """Return `extra` random columns of a kind, each zero for silence."""
    width = design.CONTEXT + len(ACTION_COLUMNS)
    weights, phase = rng.normal(0.0, 0.25, (width, extra)), rng.uniform(0.0, 2.0 * math.pi, extra)
    one, other = rng.integers(width, size=extra), rng.integers(design.CONTEXT, width, size=extra)
    knots = rng.uniform(0.0, 0.8, extra)
    topics = [design.CONTEXT + n for n, name in enumerate(ACTION_COLUMNS) if name.startswith("topic.")]
    topic = rng.choice(topics, size=extra)

    def columns(values: Floats, actions: Floats) -> Floats:
        z = np.concatenate((values, actions), axis=1)
        if kind == "fourier":
            found = np.cos(z @ weights + phase)
        elif kind == "interactions":
            found = z[:, one] * z[:, other]
        else:
            found = np.maximum(z[:, one] - knots, 0.0) * z[:, topic]
        tips: Floats = found * actions[:, :1]
        return tips

    return columns


def designs(seed: int) -> dict[str, Columns]:
    """Return every linear design by name, the plain one first; the random ones are drawn anew for each seed."""
    found: dict[str, Columns] = {"plain": plain}
    for number, kind in enumerate(("fourier", "interactions", "piecewise")):
        matched = drawn(kind, design.D - len(ACTION_COLUMNS), np.random.default_rng([seed, number, 0]))
        more = drawn(kind, design.D, np.random.default_rng([seed, number, 1]))
        found[kind] = lambda v, a, made=matched: np.concatenate((a, made(v, a)), axis=1)  # type: ignore[misc]  # bound now
        found[f"{kind} twice"] = lambda v, a, made=more: np.concatenate((plain(v, a), made(v, a)), axis=1)  # type: ignore[misc]  # bound now
    return found


def fitted(x: Floats, r: Floats) -> tuple[Floats, Floats]:
    """Return mean (D,) and factor (D, D) of the posterior, as `models.rewards.training.fit` has them."""
    whitened = np.linalg.inv(np.linalg.cholesky(x.T @ x + RIDGE * np.eye(x.shape[1])))
    mean = whitened.T @ (whitened @ (x.T @ r))
    noise = max(float(np.sqrt(np.mean((r - x @ mean) ** 2))), MIN_NOISE)
    return mean, noise * whitened.T


class Experiment:
    """One seed: what is learned from, and the fresh moments with what each candidate would bring."""

    def __init__(self, seed: int) -> None:
        rows = warm_start(2 * seed, PEOPLE, DAYS)
        self.rows = rows._replace(simulated=np.zeros_like(rows.simulated))  # each weighs one: it is the log here
        self.values = design.scaled_context(self.rows.vectors, self.rows.masked)
        rng = np.random.default_rng([seed, 9])
        who = people(rng, MOMENTS)
        at = moments(rng, who)
        index = np.repeat(np.arange(MOMENTS), CANDIDATES)
        offer = offers(rng, at.rows(index))
        self.brings = answers(who.rows(index), at.rows(index), offer).expected.reshape(MOMENTS, CANDIDATES)
        self.fresh = design.scaled_context(at.vectors(), at.masked)[index], offer.actions

    def value(self, x: Floats, mean: Floats, factor: Floats) -> float:
        """Return the mean expected reward of Thompson sampling on columns (MOMENTS * CANDIDATES, D)."""
        mu = (x @ mean).reshape(MOMENTS, CANDIDATES)
        sigma = np.linalg.norm(x @ factor, axis=1).reshape(MOMENTS, CANDIDATES)
        silence, total = silence_reward(0), 0.0
        for m, s, brings in zip(mu, np.maximum(sigma, 1e-4), self.brings, strict=True):
            p = with_floor(argmax_probabilities(np.append(m, silence), np.append(s, SILENCE_SIGMA)))
            total += float(p @ np.append(brings, silence))
        return total / MOMENTS


def measured(seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return each design's value and the seconds of processor time that its choices took."""
    experiment = Experiment(seed)
    values, seconds = {}, {}
    for name, columns in designs(seed).items():
        mean, factor = fitted(columns(experiment.values, experiment.rows.actions), experiment.rows.rewards)
        start = time.process_time()
        values[name] = experiment.value(columns(*experiment.fresh), mean, factor)
        seconds[name] = time.process_time() - start
    model = HabituationModel.from_arrays(fit_habituation(experiment.rows).arrays)
    start = time.process_time()
    worn = plain(*experiment.fresh) * model.left(experiment.fresh[1])[:, None]
    values["habituated"] = experiment.value(worn, model.mean, model.factor)
    seconds["habituated"] = time.process_time() - start
    return values, seconds


def run() -> Result:
    """Measure every seed, and say which designs differ from the plain one."""
    found = [measured(seed) for seed in range(1, SEEDS + 1)]
    told = {}
    for name in found[0][0]:
        gains = np.array([values[name] - values["plain"] for values, _ in found])
        reach = float(t.ppf(0.5 + LEVEL / 2.0, SEEDS - 1)) * float(gains.std(ddof=1)) / math.sqrt(SEEDS)
        told[name] = {
            "value": float(np.mean([values[name] for values, _ in found])),
            "gain": float(gains.mean()),
            "low": float(gains.mean()) - reach,
            "high": float(gains.mean()) + reach,
            "cost": float(np.mean([seconds[name] / seconds["plain"] for _, seconds in found])),
        }
    ours = max(each["value"] for name, each in told.items() if name != "plain")
    peer = told["plain"]["value"]
    return Result(
        name="feature_designs",
        ours=ours,
        peer=peer,
        unit="reward",
        ratio=ours / peer,
        target=0.0,
        reached=max(each["low"] for name, each in told.items() if name != "plain"),
        equal=told["plain"]["gain"] == 0.0,
        notes={"seeds": SEEDS, "rows": PEOPLE * DAYS * 12, "moments": MOMENTS, "designs": told},
    )
