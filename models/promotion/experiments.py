"""Assigns units to arms by stable hashing, and checks that the arms have the declared sizes.

    point(unit) = first 8 bytes of sha256(experiment | unit) / 2^64,   an arm is a stretch of [0, 1)

An assignment needs no table, is the same in every process, and does not change when an arm grows at the end.
`TRAINING` holds a fifth of all person-days out of every training: the gate may look at those at once, since no
challenger has learned from them. A live experiment shares out local days, because the budget of interruptions is one
of the local day. The sample-ratio check is Pearson's chi-square on the units that were seen.

Source: Kohavi, Tang & Xu, "Trustworthy Online Controlled Experiments" (2020), 21 (sample-ratio mismatch at p < 0.001).
Limits: the check finds lost or doubled units, not units that were lost for the same reason in every arm.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from scipy.special import chdtrc

from data_contracts.durations import DAY_US
from data_contracts.errors import Malformed

MISMATCH = 0.001
ROUNDING = 1e-9
MIN_EXPECTED = 5.0  # units in the smallest arm, below which chi-square is no approximation
BALANCED, MISMATCHED, TOO_FEW = "as assigned", "sample-ratio mismatch", "not enough evidence"


def point(text: str) -> float:
    """Return where a text falls in [0, 1), the same in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64


@dataclass(frozen=True, slots=True)
class Experiment:
    """Arms by name, each with its share; shares sum to 1."""

    name: str
    shares: Mapping[str, float]

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        if not (all(share > 0.0 for share in self.shares.values()) and abs(sum(self.shares.values()) - 1.0) < ROUNDING):
            raise Malformed(f"the shares of experiment {self.name!r} are positive and sum to 1")

    def arm_of(self, unit: str) -> str:
        """Return the arm of a unit."""
        at, edge, arm = point(f"{self.name}|{unit}"), 0.0, ""
        for arm, share in self.shares.items():
            edge += share
            if at < edge:
                return arm
        return arm  # rounding of the shares' sum


TRAIN, HOLD_OUT = "train", "hold out"
TRAINING = Experiment("training, version 1", {TRAIN: 0.8, HOLD_OUT: 0.2})


def person_day(person: str, at_us: int) -> str:
    """Return the unit of `TRAINING`: what a person lived on one UTC day stays together."""
    return f"{person}|{at_us // DAY_US}"


def held_out(person: str, at_us: int) -> bool:
    """Whether no policy may be trained on what a person did that day."""
    return TRAINING.arm_of(person_day(person, at_us)) == HOLD_OUT


CHAMPION, CHALLENGER = "champion", "challenger"


def live_experiment(salt: str, share: float) -> Experiment:
    """Return the arms of a live experiment whose challenger decides on `share` of all person-days."""
    return Experiment(f"live, {salt}", {CHAMPION: 1.0 - share, CHALLENGER: share})


def lived_day(person: str, day: date) -> str:
    """Return the unit of a live experiment: what a person lives on one local day stays together."""
    return f"{person}|{day.isoformat()}"


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Units seen in each arm, how many there should be, and how surprising that is."""

    units: dict[str, int]
    expected: dict[str, float]
    chi_square: float
    p_value: float
    verdict: str


def sample_ratio(experiment: Experiment, units: Mapping[str, int]) -> SampleRatio:
    """Return whether the arms have the sizes of their shares; raises `Malformed` for units of a foreign arm."""
    if foreign := sorted(set(units) - set(experiment.shares)):
        raise Malformed(f"experiment {experiment.name!r} has no arms {foreign}")
    seen = {arm: int(units.get(arm, 0)) for arm in experiment.shares}
    total = sum(seen.values())
    expected = {arm: share * total for arm, share in experiment.shares.items()}
    found, wanted = np.array(list(seen.values())), np.array(list(expected.values()))
    if not total or wanted.min() < MIN_EXPECTED:
        return SampleRatio(seen, expected, float("nan"), float("nan"), TOO_FEW)
    chi_square = float(((found - wanted) ** 2 / wanted).sum())
    p_value = float(chdtrc(len(seen) - 1, chi_square))
    return SampleRatio(seen, expected, chi_square, p_value, MISMATCHED if p_value < MISMATCH else BALANCED)
