"""Compares the arms of a live experiment by person-days in order of time, anytime-valid.

    y_t = (A_t / share - (1 - A_t) / (1 - share)) (r_t - m_t),   E[y_t | past] = mu_challenger - mu_champion

r_t is the mean reward of a person-day, A_t whether it was the challenger's, m_t the mean reward of the days before: it
takes the level out and leaves the expectation alone, because assignment does not depend on it. Means and difference
have betting confidence sequences, so an audit that looks each day does not grow the error.

Source: Ham, Bojinov, Lindon & Tingley, "Design-Based Confidence Sequences" (2022), with the bets of Waudby-Smith &
Ramdas (2023).
Limits: what one arm leaves behind reaches the days of the other one (tips seen, tastes learned). `unmixed` looks at the
days alone that follow a day of their own arm, which removes what lasts a day; it is an interval for one look.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.estimators import betting
from models.estimators.evaluation import BETTER, TOO_LITTLE, UNDECIDED, WORSE
from models.policies.policy import Floats

MIN_DAYS = 10  # of each arm
Z = 1.959964  # a 95 % interval, two-sided


class Mean(NamedTuple):
    """A mean with its 95 % interval, of how many person-days."""

    days: int
    value: float
    low: float
    high: float


class Compared(NamedTuple):
    """Both arms, and the challenger minus the champion."""

    champion: Mean
    challenger: Mean
    difference: Mean
    verdict: str


def compare(rewards: Floats, challenger: NDArray[np.bool_], share: float) -> Compared:
    """Return what N person-days brought: `rewards` (N,) in [0, 1] and whose they were (N,), in the order of time."""
    before = (0.5 + np.cumsum(rewards) - rewards) / (1.0 + np.arange(rewards.size))
    terms = np.where(challenger, 1.0 / share, -1.0 / (1.0 - share)) * (rewards - before)
    reach = 1.0 / min(share, 1.0 - share)
    difference = _mean(terms, -reach, reach)
    arms = _mean(rewards[~challenger]), _mean(rewards[challenger])
    verdict = UNDECIDED
    if min(arm.days for arm in arms) < MIN_DAYS:
        verdict = TOO_LITTLE
    elif difference.low > 0.0 or difference.high < 0.0:
        verdict = BETTER if difference.low > 0.0 else WORSE
    return Compared(*arms, difference, verdict)


def unmixed(rewards: Floats, challenger: NDArray[np.bool_], follows_own: NDArray[np.bool_]) -> Mean | None:
    """Return the difference on person-days that follow a day of their own arm (N,); None where those are too few."""
    arms = [rewards[follows_own & (challenger == which)] for which in (True, False)]
    days = sum(arm.size for arm in arms)
    if min(arm.size for arm in arms) < MIN_DAYS:
        return None
    difference = float(arms[0].mean() - arms[1].mean())
    reach = Z * math.sqrt(sum(float(arm.var(ddof=1)) / arm.size for arm in arms))
    return Mean(days, difference, difference - reach, difference + reach)


def _mean(terms: Floats, low: float = 0.0, high: float = 1.0) -> Mean:
    value = float(terms.mean()) if terms.size else math.nan
    return Mean(terms.size, value, *betting.begin(low, high).add(terms).interval())
