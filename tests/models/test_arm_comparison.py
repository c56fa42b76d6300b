"""Laws of the comparison of an experiment's arms."""

import numpy as np
import pytest

from models.estimators.evaluation import BETTER, TOO_LITTLE, UNDECIDED, WORSE
from models.promotion.arm_comparison import MIN_DAYS, compare, unmixed


def lived(seed: int, days: int, share: float, gain: float) -> tuple[np.ndarray, np.ndarray]:
    """Return rewards of person-days and whose they were; the challenger brings `gain` more."""
    rng = np.random.default_rng(seed)
    challenger = rng.random(days) < share
    return 0.8 * rng.beta(4, 5, days) + gain * challenger, challenger


def test_the_interval_of_the_difference_holds_at_every_look() -> None:
    """Of 20 experiments that are looked at four times each, at most one ever excludes the truth."""
    broken = 0
    for seed in range(20):
        rewards, challenger = lived(seed, 160, 0.4, 0.05)
        looks = [compare(rewards[:day], challenger[:day], 0.4).difference for day in (20, 40, 80, 160)]
        broken += any(not look.low <= 0.05 <= look.high for look in looks)
    assert broken <= 1


@pytest.mark.parametrize(("gain", "verdict"), [(0.15, BETTER), (-0.15, WORSE), (0.0, UNDECIDED)])
def test_a_large_difference_is_shown_with_its_sign_and_none_is_not(gain: float, verdict: str) -> None:
    """With 400 days a gain of 0.15 is shown, one of 0 is not; the arms' means differ by about as much."""
    rewards, challenger = lived(1, 400, 0.5, gain)
    found = compare(rewards, challenger, 0.5)
    assert found.verdict == verdict
    assert found.challenger.value - found.champion.value == pytest.approx(found.difference.value, abs=0.02)
    assert found.champion.days + found.challenger.days == 400


def test_too_few_days_are_no_evidence() -> None:
    """Below ten days of an arm there is no verdict, and without any day the intervals are as wide as can be."""
    rewards, challenger = np.full(40, 0.9), np.arange(40) < MIN_DAYS - 1
    assert compare(rewards, challenger, 0.5).verdict == TOO_LITTLE
    nothing = compare(np.array([]), np.array([], dtype=np.bool_), 0.5)
    assert (nothing.verdict, nothing.champion.low, nothing.champion.high) == (TOO_LITTLE, 0.0, 1.0)


def test_what_one_arm_leaves_behind_is_seen_beside_the_difference() -> None:
    """When a day costs the next one 0.2 after a challenger's day, days after their own arm tell another difference."""
    rng = np.random.default_rng(3)
    challenger = rng.random(600) < 0.5
    follows_own = np.append(False, challenger[1:] == challenger[:-1])
    rewards = 0.5 + 0.05 * rng.random(600) - 0.2 * np.append(False, challenger[:-1])
    own = unmixed(rewards, challenger, follows_own)
    assert own is not None
    assert own.value == pytest.approx(-0.2, abs=0.01)
    assert abs(compare(rewards, challenger, 0.5).difference.value) < 0.03
    assert unmixed(rewards[:12], challenger[:12], follows_own[:12]) is None
