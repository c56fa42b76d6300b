"""Laws of the resampling test of personalisation."""

import numpy as np
import pytest

from data_contracts.durations import DAY_US
from models.promotion.personalisation import (
    LEVEL,
    NOT_SHOWN,
    PERSONALISED,
    TOO_FEW,
    Trajectory,
    did_it_personalise,
    hat,
)
from models.rewards import person_posterior
from models.rewards.person_posterior import Observation, PersonPrior

PRIOR = PersonPrior(np.full(6, 0.2), 0.3)


def life(seed: int, taste: float, tips: int = 120, level: float = 0.0) -> Trajectory:
    """Return a life in which a person likes some kinds of tips better than the crowd, by `taste`."""
    rng = np.random.default_rng(seed)
    columns = np.concatenate((np.ones((tips, 1)), rng.integers(0, 2, (tips, 5))), axis=1).astype(float)
    own = np.concatenate(([level], taste * rng.choice([-1.0, 1.0], 5)))
    residuals = columns @ own - taste * own[1:].mean() + rng.normal(0.0, 0.3, tips)
    return Trajectory(columns, residuals, person_posterior.EPOCH_US + np.arange(tips) * DAY_US / 4.0)


def test_what_the_part_says_is_what_the_served_part_would_have_said() -> None:
    """Before each reward the hat matrix gives the mean of `models.rewards.person_posterior` on those before it."""
    trajectory = life(1, 0.2, tips=25)
    said = hat(PRIOR, trajectory.columns, trajectory.at_us) @ trajectory.residuals
    observed = [
        Observation(int(at_us), f"{number:03d}", columns, float(residual))
        for number, (columns, residual, at_us) in enumerate(zip(*trajectory, strict=True))
    ]
    for number in (0, 1, 10, 24):
        part = person_posterior.rebuild(PRIOR, observed[:number])
        assert said[number] == pytest.approx(trajectory.columns[number] @ part.mean, abs=1e-12)


def test_people_who_differ_are_found_and_their_cohort_too() -> None:
    """With own tastes of 0.15 nearly everybody is found, and all of them together surely."""
    found = did_it_personalise(PRIOR, [life(seed, 0.15) for seed in range(12)], np.random.default_rng(1))
    assert (found.people, found.verdict) == (12, PERSONALISED)
    assert found.personalised >= 9
    assert found.gain > 0.0


def test_without_personal_tastes_it_errs_at_its_level() -> None:
    """People who like tips more or less, but all tips alike, are not called personalised more often than by chance."""
    people = [life(3_000 + seed, 0.0, tips=40, level=0.3 * (-1) ** seed) for seed in range(60)]
    found = did_it_personalise(PRIOR, people, np.random.default_rng(3))
    assert found.verdict == NOT_SHOWN
    assert found.personalised <= 8  # chance gives more than that to one cohort of 300
    assert found.by_chance == pytest.approx(LEVEL * 60)
    assert np.mean([person.p_value for person in found.each]) == pytest.approx(0.5, abs=0.1)


def test_few_tips_say_nothing() -> None:
    """A person with less than thirty rewarded tips is no evidence, and without others there is no verdict."""
    assert did_it_personalise(PRIOR, [life(1, 0.3, tips=29)], np.random.default_rng(1)).verdict == TOO_FEW
