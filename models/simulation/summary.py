"""What a simulation says: each policy's rates with intervals over people, and its difference to the first policy."""

from dataclasses import dataclass

import numpy as np

from models.policy import Floats
from models.simulation.learners import RULES, Learner
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
    """One policy in one world; `gain` is its mean reward minus the first policy's, paired by person."""

    policy: str
    reward: Rate
    regret: Rate
    silence: Rate
    not_for_me: Rate
    gain: Rate
    reward_by_day: tuple[float, ...]


def try_out(scenario: Scenario, policies: list[str], *, people: int, days: int, seed: int) -> list[PolicySummary]:
    """Return the summaries in the order of `policies`; raises `KeyError` for a policy that is not in `RULES`."""
    learners = {name: Learner(RULES[name], people) for name in policies}
    found = simulate(scenario, learners, people=people, days=days, seed=seed)
    first = found[policies[0]]
    return [_summary(name, found[name], first, scenario.tips_a_day) for name in policies]


def _summary(name: str, outcomes: Outcomes, first: Outcomes, a_day: int) -> PolicySummary:
    count = outcomes.decisions
    return PolicySummary(
        policy=name,
        reward=_rate(outcomes.reward, count),
        regret=_rate(outcomes.regret, count),
        silence=_rate(outcomes.silent, count),
        not_for_me=_rate(outcomes.not_for_me, count),
        gain=_rate(outcomes.reward - first.reward, count),
        reward_by_day=tuple((outcomes.reward.mean(axis=1) / a_day).tolist()),
    )


def _rate(sums: Floats, count: int) -> Rate:
    mine = sums.sum(axis=0) / count
    reach = Z * float(mine.std(ddof=1)) / np.sqrt(mine.size) if mine.size > 1 else np.nan
    value = float(mine.mean())
    return Rate(value, float(value - reach), float(value + reach))
