"""Laws of habituation: what was seen lately is worth less by as much as the log says, and nothing where it says no."""

import numpy as np
import pytest

from data_contracts.errors import ArtifactRefused
from models.policies import LinearThompson
from models.policies.laws import situations
from models.rewards.habituation import SHOWN, HabituationModel, fit_habituation
from models.rewards.linear import LinearModel
from models.rewards.training import TrainingRows, fit, gather
from models.simulation.warm_start import warm_start


def worn(depth: float, rate: float, seed: int = 5) -> TrainingRows:
    """Return rows of a world in which rewards wear off like this, and of nothing else that the line does not know."""
    rows = warm_start(seed, count=20, days=15)
    weights = fit(gather(rows)).arrays["mean"]
    expected = (rows.matrix() @ weights) * (1.0 - depth * rows.actions[:, SHOWN] ** rate)
    noise = np.random.default_rng(seed).normal(0.0, 0.1, expected.size)
    return rows._replace(rewards=np.clip(expected + noise, 0.0, 1.0))


@pytest.mark.parametrize(("depth", "rate"), [(0.5, 1.0), (0.3, 4.0), (0.7, 0.25)])
def test_depth_and_recovery_are_those_of_the_log(depth: float, rate: float) -> None:
    """On rewards that wear off, training finds by how much and for how long, whatever rows are simulated."""
    rows = worn(depth, rate)
    told = fit_habituation(rows._replace(simulated=np.arange(rows.rewards.size) % 3 == 0))
    assert told.arrays["habituation"].tolist() == [depth, rate]
    assert told.metrics["habituation_hours"] == 24.0 / rate


def test_without_habituation_in_the_log_it_is_the_linear_model_bit_for_bit() -> None:
    """Where the test shows nothing the depth is 0, and every score is the line's."""
    rows = worn(0.0, 1.0)
    told = fit_habituation(rows).arrays
    assert told["habituation"][0] == 0.0
    model, line = HabituationModel.from_arrays(told), LinearModel.from_arrays(fit(gather(rows)).arrays)
    for context, actions in situations(3, 4, 9):
        assert (np.array(model.score(context, actions)) == np.array(line.score(context, actions))).all()


def test_what_was_just_seen_is_worth_less_until_it_has_recovered(thompson: LinearThompson) -> None:
    """Score and spread of a tip are those of a rested one, scaled by 1 - depth at once and by 1 in the end."""
    model = HabituationModel.from_arrays({**thompson.arrays, "habituation": np.array([0.5, 2.0])})
    for context, actions in situations(4, 6, 8):
        for hours in (0.0, 12.0, 1e9):
            actions[:-1, SHOWN] = np.exp(-hours / 24.0)
            left = np.append(np.full(8, 1.0 - 0.5 * np.exp(-hours / 12.0)), 1.0)
            rested = np.array(thompson.model.score(context, actions))
            assert np.array(model.score(context, actions)) == pytest.approx(rested * left, rel=1e-12)


@pytest.mark.parametrize("habituation", [[1.0, 1.0], [-0.1, 1.0], [0.5, 0.0], [np.nan, 1.0]])
def test_a_depth_or_rate_that_makes_no_sense_is_refused(habituation: list[float], thompson: LinearThompson) -> None:
    """A depth outside [0, 1), and a rate that never recovers, are no artifact."""
    with pytest.raises(ArtifactRefused, match="depth in"):
        HabituationModel.from_arrays({**thompson.arrays, "habituation": np.array(habituation)})
