"""Simulated Thompson sampling: our batched posteriors against obp 0.5.7's LinTS under `run_bandit_simulation`.

Ten actions, five features, a model an arm, on one log whose actions are uniform. Both sides choose in every round and
learn where the log took the same action: obp one round after another, ours `LANES` replications side by side, by the
`GaussianArms` and the `thompson` rule that `oo simulate` runs on. `ours` and `peer` are rounds a second on one core;
`rounds_updating_always` is ours when every round is also learned from.

`equal` says two things. After the same rows posteriors agree within `TOLERANCE`. And what both then choose in fixed
contexts comes from one distribution: chi-square of two samples, each context's p above `LEAST_P` over their number.
"""

import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from benchmarks.peer_environment import OBP, python_of
from benchmarks.result import Result
from models.policies.rules import thompson
from models.simulation.gaussian_arms import GaussianArms

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

PEERS = Path(__file__).parent / "peers"
ACTIONS, FEATURES = 10, 5
ROUNDS, LANES, REPEATS = 1_000, 256, 3
TAUGHT, CONTEXTS, DRAWS = 400, 5, 3_000  # rows that both learn from, then contexts with draws each
TOLERANCE = 1e-9
LEAST_P = 0.001
TARGET, AIM = 200, 200_000


class Log(NamedTuple):
    """A uniform log: contexts (T, d), actions (T,), and the reward that each action would have brought, (T, K)."""

    x: Floats
    action: Indices
    rewards: Floats

    @property
    def reward(self) -> Floats:
        """The reward of the logged action, (T,)."""
        return self.rewards[np.arange(self.action.size), self.action]


def uniform_log(seed: int, rounds: int) -> Log:
    """Return a log of a logistic world."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rounds, FEATURES))
    chance = 1.0 / (1.0 + np.exp(1.0 - x @ rng.normal(size=(FEATURES, ACTIONS))))
    rewards = (rng.random(chance.shape) < chance).astype(np.float64)
    return Log(x, rng.integers(ACTIONS, size=rounds), rewards)


def replayed(log: Log, lanes: int, rng: np.random.Generator, *, always: bool) -> GaussianArms:
    """Return what `lanes` replications have learned after the log; `always` asks no match with the logged action."""
    arms = GaussianArms(lanes, ACTIONS, np.ones(FEATURES), 1.0)
    everybody = np.arange(lanes)
    for x, action, rewards in zip(log.x, log.action, log.rewards, strict=True):
        picks = thompson(*arms.scores(x[None, None]), rng)
        learn = everybody if always else np.flatnonzero(picks == action)
        if learn.size:
            arms.learn(learn, picks[learn], np.broadcast_to(x, (learn.size, x.size)), rewards[picks[learn]])
    return arms


def _speed(log: Log, *, always: bool) -> float:
    best = float("inf")
    for repeat in range(REPEATS):
        start = time.perf_counter()
        replayed(log, LANES, np.random.default_rng(repeat), always=always)
        best = min(best, time.perf_counter() - start)
    return log.action.size * LANES / best


def _taught(log: Log) -> GaussianArms:
    arms = GaussianArms(1, ACTIONS, np.ones(FEATURES), 1.0)
    arms.learn(np.zeros(TAUGHT, np.intp), log.action[:TAUGHT], log.x[:TAUGHT], log.reward[:TAUGHT])
    return arms


def run() -> Result:
    """Measure both sides on the same log."""
    log = uniform_log(1, ROUNDS)
    contexts = np.random.default_rng(2).normal(size=(CONTEXTS, FEATURES))
    python = python_of(OBP)
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(given, x=log.x, action=log.action, reward=log.reward, contexts=contexts)
        subprocess.run([python, str(PEERS / "obp_lints.py"), str(given), str(answer), str(TAUGHT), str(DRAWS)],
                       check=True, capture_output=True)  # fmt: skip
        peer = dict(np.load(answer))
    arms = _taught(log)
    error = max(float(np.abs(arms.mean[0] - peer["mean"]).max()), float(np.abs(arms.spread[0] - peer["spread"]).max()))
    rng = np.random.default_rng(3)
    values = []
    for context, picks in zip(contexts, peer["picks"], strict=True):
        mu, sigma = arms.scores(context[None, None])
        ours = thompson(np.tile(mu, (DRAWS, 1)), np.tile(sigma, (DRAWS, 1)), rng)
        table = np.stack([np.bincount(each, minlength=ACTIONS) for each in (ours, picks)])
        values.append(float(chi2_contingency(table[:, table.sum(axis=0) >= ACTIONS]).pvalue))
    matched, always = _speed(log, always=False), _speed(log, always=True)
    peer_speed = float(peer["rounds"] / peer["seconds"])
    return Result(
        name="simulation",
        ours=matched,
        peer=peer_speed,
        unit="rounds/s",
        ratio=matched / peer_speed,
        target=TARGET,
        equal=error <= TOLERANCE and min(values) >= LEAST_P / CONTEXTS,
        notes={
            "rounds_updating_always": always,
            "aim_rounds": AIM,
            "lanes": LANES,
            "largest_error": error,
            "p_values": values,
        },
    )
