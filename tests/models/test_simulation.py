import numpy as np

from data_contracts.features import FEATURES
from data_contracts.rewards import REWARDS
from models.rewards.training import TrainingRows
from models.simulation.answers import answers
from models.simulation.moments import moments
from models.simulation.offers import offers
from models.simulation.people import people
from models.simulation.warm_start import warm_start


def test_the_same_seed_gives_the_same_rows() -> None:
    """The same seed gives the same rows."""
    one, other = warm_start(3, 5, 2), warm_start(3, 5, 2)
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert not (one.rewards == warm_start(4, 5, 2).rewards).all()


def test_every_row_is_labelled_simulated(rows: TrainingRows) -> None:
    """Every row is labelled simulated."""
    assert rows.simulated.all()


def test_vectors_stay_in_the_ranges_of_the_feature_table(rows: TrainingRows) -> None:
    """Vectors stay in the ranges of the feature table."""
    low, high = np.array([f.low for f in FEATURES]), np.array([f.high for f in FEATURES])
    assert ((rows.vectors >= low) & (rows.vectors <= high)).all()


def test_every_feature_and_every_action_column_but_generated_varies(rows: TrainingRows) -> None:
    """Every feature and every action column but generated varies."""
    assert (rows.vectors.std(axis=0) > 0).all()
    assert (rows.actions.std(axis=0) > 0).sum() == rows.actions.shape[1] - 2  # `tip` is always 1, `generated` always 0


def test_rewards_come_from_the_reward_table(rows: TrainingRows) -> None:
    """Rewards come from the reward table."""
    assert set(rows.rewards.tolist()) <= set(REWARDS.values())


def test_every_source_is_sometimes_withheld(rows: TrainingRows) -> None:
    """Every source is sometimes withheld."""
    assert ((rows.masked.mean(axis=0) > 0.05) == [f.source.value != "clock" for f in FEATURES]).all()


def test_rewards_average_to_what_the_equations_expect() -> None:
    """Rewards average to what the equations expect."""
    rng = np.random.default_rng(1)
    who = people(rng, 40_000)
    at = moments(rng, who)
    answer = answers(who, at, offers(rng, at))
    assert np.abs(answer.probabilities.sum(axis=1) - 1).max() < 1e-12
    assert (answer.probabilities >= 0).all()
    assert abs(answer.rewards(rng).mean() - answer.expected.mean()) < 0.01
