"""Summarises a simulation: each policy's rates with intervals over people, and its difference to the first policy.

Limits: people share what the crowd's model learned, so intervals are of these people in this run, not of other runs.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import numpy as np

from models.policies.policy import Floats
from models.simulation.learners import Learner
from models.simulation.rules import RULES
from models.simulation.run import Outcomes, simulate
from models.simulation.scenario import Scenario

Z = 1.959964


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean per decision, with its 95 % interval over people."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PolicySummary:
    """One policy in one world; `gain` is its mean reward minus the first policy's, paired by person.

    What is told by day is a mean per decision of that day, one number a day.
    """

    policy: str
    reward: Rate
    regret: Rate
    silence: Rate
    not_for_me: Rate
    gain: Rate
    reward_by_day: tuple[float, ...]
    reward_low_by_day: tuple[float, ...]
    reward_high_by_day: tuple[float, ...]
    regret_by_day: tuple[float, ...]


def try_out(
    scenario: Scenario, policies: Sequence[str], *, people: int, days: int, seed: int, processes: int = 1
) -> list[PolicySummary]:
    """Return the summaries in the order of `policies`, the same in any number of processes.

    Raises `KeyError` for a policy that is not in `RULES`.
    """
    jobs = [_Job(scenario, name, people, days, seed) for name in policies]
    if min(processes, len(jobs)) > 1:
        with ProcessPoolExecutor(min(processes, len(jobs)), mp_context=get_context("spawn")) as pool:
            found = list(pool.map(_live, jobs))
    else:
        found = [_live(job) for job in jobs]
    return [
        _summary(name, outcomes, found[0], scenario.tips_a_day) for name, outcomes in zip(policies, found, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Job:
    scenario: Scenario
    policy: str
    people: int
    days: int
    seed: int


def _live(job: _Job) -> Outcomes:
    learner = Learner(RULES[job.policy], job.people)
    return simulate(job.scenario, {job.policy: learner}, people=job.people, days=job.days, seed=job.seed)[job.policy]


def _summary(name: str, outcomes: Outcomes, first: Outcomes, a_day: int) -> PolicySummary:
    count = outcomes.decisions
    days = [_rate(each[None, :], a_day) for each in outcomes.reward]
    return PolicySummary(
        policy=name,
        reward=_rate(outcomes.reward, count),
        regret=_rate(outcomes.regret, count),
        silence=_rate(outcomes.silent, count),
        not_for_me=_rate(outcomes.not_for_me, count),
        gain=_rate(outcomes.reward - first.reward, count),
        reward_by_day=tuple(day.value for day in days),
        reward_low_by_day=tuple(day.low for day in days),
        reward_high_by_day=tuple(day.high for day in days),
        regret_by_day=tuple((outcomes.regret.mean(axis=1) / a_day).tolist()),
    )


def _rate(sums: Floats, count: int) -> Rate:
    mine = sums.sum(axis=0) / count
    reach = Z * float(mine.std(ddof=1)) / np.sqrt(mine.size) if mine.size > 1 else np.nan
    value = float(mine.mean())
    return Rate(value, float(value - reach), float(value + reach))
