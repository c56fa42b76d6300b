"""Laws of stable assignment and of the sample-ratio check."""

from collections import Counter

import pytest

from data_contracts.durations import DAY_US
from data_contracts.errors import Malformed
from models.promotion.experiments import (
    BALANCED,
    HOLD_OUT,
    MISMATCHED,
    TOO_FEW,
    TRAINING,
    Experiment,
    held_out,
    person_day,
    sample_ratio,
)


def test_an_assignment_is_stable_and_keeps_a_persons_day_together() -> None:
    """The same unit has the same arm for ever, whatever else is assigned; known answers hold it across versions."""
    arms = [TRAINING.arm_of(person_day(f"person {number}", 7 * DAY_US)) for number in range(8)]
    assert arms == [TRAINING.arm_of(f"person {number}|7") for number in range(8)]
    assert [number for number in range(30) if held_out("ada", number * DAY_US)] == [
        number for number in range(30) if held_out("ada", number * DAY_US + DAY_US - 1)
    ]


def test_arms_have_their_shares_and_the_check_says_so() -> None:
    """Over ten thousand units the arms are as large as their shares; losing a fifth of one arm is found."""
    units = Counter(TRAINING.arm_of(f"unit {number}") for number in range(10_000))
    assert sample_ratio(TRAINING, units).verdict == BALANCED
    units[HOLD_OUT] = units[HOLD_OUT] * 8 // 10
    lost = sample_ratio(TRAINING, units)
    assert lost.verdict == MISMATCHED
    assert lost.p_value < 0.001


def test_two_experiments_are_independent() -> None:
    """Who is held out of one is in the other's arms by their shares."""
    other = Experiment("another", {"a": 0.5, "b": 0.5})
    units = [f"unit {number}" for number in range(5_000)]
    inside = Counter(other.arm_of(unit) for unit in units if TRAINING.arm_of(unit) == HOLD_OUT)
    assert sample_ratio(other, inside).verdict == BALANCED


def test_too_few_units_and_foreign_arms_are_named() -> None:
    """Few units are no evidence, and an arm that the experiment has not is refused, like shares that do not sum."""
    assert sample_ratio(TRAINING, {HOLD_OUT: 3}).verdict == TOO_FEW
    with pytest.raises(Malformed, match="no arms"):
        sample_ratio(TRAINING, {"elsewhere": 3})
    with pytest.raises(Malformed, match="sum to 1"):
        Experiment("broken", {"a": 0.5})
