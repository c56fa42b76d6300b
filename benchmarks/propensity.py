"""Exact choice probabilities of 20 actions: our graded rule against scipy's adaptive quadrature, an integral an action.

`ours` and `peer` are best runs, median over cases, at a ratio of 10 between the widest and the narrowest standard
deviation; the notes have ratio 1000, a served decision (30 tips and silence), and the largest difference that was seen.
"""

import math
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import ndtr

from benchmarks.result import Result
from models.policies.propensity import argmax_probabilities

Floats = NDArray[np.float64]

ACTIONS, CASES, ROUNDS = 20, 7, 200
AIM_US = {10.0: 100.0, 1000.0: 600.0}
TOLERANCE = 1e-9
TARGET = 100


def _case(ratio: float, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    sigma = np.exp(rng.uniform(-math.log(ratio), 0.0, ACTIONS))
    sigma[[0, -1]] = 1.0, 1.0 / ratio
    return rng.normal(0.0, 0.5, ACTIONS), sigma


def _served(seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    return np.append(rng.normal(0.4, 0.1, 30), 0.45), np.append(rng.uniform(0.05, 0.12, 30), 0.02)


def _adaptive(mu: Floats, sigma: Floats) -> Floats:
    result = np.zeros(mu.size)
    centres = np.sort(mu)
    for i in range(mu.size):
        others = np.arange(mu.size) != i

        def integrand(t: float, i: int = i, others: NDArray[np.bool_] = others) -> float:
            x = (t - mu[i]) / sigma[i]
            density = math.exp(-0.5 * x * x) / (sigma[i] * math.sqrt(2 * math.pi))
            return float(density * np.prod(ndtr((t - mu[others]) / sigma[others])))

        low, high = mu[i] - 9 * sigma[i], mu[i] + 9 * sigma[i]
        inside = centres[(centres > low) & (centres < high)]
        result[i] = quad(integrand, low, high, points=inside, epsabs=1e-11, epsrel=1e-9, limit=400)[0]
    return result


def _seconds(function: Callable[[Floats, Floats], Floats], case: tuple[Floats, Floats], rounds: int) -> float:
    function(*case)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function(*case)
        times.append(time.perf_counter() - start)
    return min(times)  # the least disturbed run of both sides


def run() -> Result:
    """Measure both sides on the same cases."""
    ours: dict[float, float] = {}
    error = 0.0
    for ratio in AIM_US:
        cases = [_case(ratio, seed) for seed in range(CASES)]
        ours[ratio] = median(_seconds(argmax_probabilities, case, ROUNDS) for case in cases) * 1e6
        error = max(error, *(float(np.abs(argmax_probabilities(*case) - _adaptive(*case)).max()) for case in cases))
    peer = median(_seconds(_adaptive, _case(10.0, seed), 3) for seed in range(3)) * 1e6
    served = median(_seconds(argmax_probabilities, _served(seed), ROUNDS) for seed in range(CASES)) * 1e6
    return Result(
        name="propensity",
        ours=ours[10.0],
        peer=peer,
        unit="us",
        ratio=peer / ours[10.0],
        target=TARGET,
        equal=error <= TOLERANCE,
        notes={
            "us_at_ratio_10": ours[10.0],
            "us_at_ratio_1000": ours[1000.0],
            "us_served_31_actions": served,
            "aims_us": {f"{ratio:g}": aim for ratio, aim in AIM_US.items()},
            "largest_error": error,
        },
    )
