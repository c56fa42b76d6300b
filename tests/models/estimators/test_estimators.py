from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.estimators import DM, DR, ESTIMATORS, IPS, SNDR, SNIPS, ClippedIPS, DRos, Estimator, SwitchDR
from models.estimators.batch import Batch
from models.estimators.tally import begin
from tests.models.estimators.worlds import ACTIONS, LOGGING, TARGET, TRUTH, World, log

REPLICATES = 200


def value(estimator: Estimator, batch: Batch) -> float:
    """One estimate."""
    return begin((estimator,), replicates=0).add(batch).value(estimator)


@pytest.mark.parametrize("estimator", [SNIPS(), DM(), DR(), SNDR(), SwitchDR(), DRos()], ids=lambda e: e.NAME)
def test_a_constant_reward_is_given_back_exactly(estimator: Estimator) -> None:
    """A constant reward, known to the model, is given back exactly."""
    constant = np.full(ACTIONS, 0.3)
    assert value(estimator, log(1, 500, World(constant, constant))) == pytest.approx(0.3, abs=1e-12)


@pytest.mark.parametrize(("robust", "plain"), [(DR(), IPS()), (SNDR(), SNIPS()), (SwitchDR(2.0), ClippedIPS(2.0))])
def test_doubly_robust_with_a_zero_model_is_its_plain_sibling(robust: Estimator, plain: Estimator) -> None:
    """Doubly robust with a zero model is inverse propensity scoring; switching drops what clipping cuts."""
    batch = log(2, 400, World(model=np.zeros(ACTIONS)))
    if isinstance(robust, SwitchDR):
        batch = batch._replace(reward=batch.reward * (batch.weight <= robust.threshold))
    assert value(robust, batch) == pytest.approx(value(plain, batch), abs=1e-12)


@pytest.mark.parametrize(("tuned", "limit"), [(SwitchDR(1e9), DR()), (DRos(np.inf), DR()), (SwitchDR(0.0), DM())])
def test_tuned_estimators_meet_their_limits(tuned: Estimator, limit: Estimator) -> None:
    """Switch and shrinkage become doubly robust without a threshold, and the direct method at zero."""
    batch = log(3, 400)
    assert value(tuned, batch) == pytest.approx(value(limit, batch), abs=1e-12)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: e.NAME)
def test_every_estimator_finds_the_truth_with_enough_data(estimator: Estimator) -> None:
    """Every estimator finds the truth with enough data."""
    assert value(estimator, log(4, 200_000)) == pytest.approx(TRUTH, abs=0.01)


@pytest.mark.parametrize("estimator", [IPS(), ClippedIPS(), SNIPS(), DR(), SNDR(), SwitchDR()], ids=lambda e: e.NAME)
def test_the_target_being_the_log_gives_the_mean_reward(estimator: Estimator) -> None:
    """When the target is the logging policy, weights are 1 and the correction is complete."""
    batch = log(5, 50_000)
    same = batch._replace(target=batch.propensity, expected=np.full(batch.reward.size, float(batch.predicted.mean())))
    assert value(estimator, same) == pytest.approx(batch.reward.mean(), abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(1, 2_999), min_size=1, max_size=4, unique=True), seed=st.integers(0, 9))
def test_parts_add_up_to_the_whole_in_any_grouping(cuts: list[int], seed: int) -> None:
    """Parts that are tallied apart add up to the whole, replicates included, however they are grouped."""
    batch = log(seed, 3_000)
    edges = [0, *sorted(cuts), 3_000]
    start = begin(replicates=REPLICATES)
    parts = [start.add(batch.rows(low, high)) for low, high in pairwise(edges)]
    left = sum(parts[1:], parts[0])
    right = parts[-1]
    for part in parts[-2::-1]:
        right = part + right
    whole = start.add(batch)
    for other in (left, right):
        assert other.count == whole.count
        np.testing.assert_allclose(other.replicates, whole.replicates, atol=1e-8)
        for estimator in ESTIMATORS:
            assert other.value(estimator) == pytest.approx(whole.value(estimator), abs=1e-9)


def test_more_data_tightens() -> None:
    """Ten times the data makes every bootstrap interval narrower."""
    few, many = (begin(replicates=REPLICATES).add(log(6, n)) for n in (500, 5_000))
    for estimator in ESTIMATORS:
        if estimator.NAME != "dm":  # the world's model is the same for every row
            assert np.std(many.resampled(estimator)) < 0.6 * np.std(few.resampled(estimator))


def test_without_any_weight_ratios_are_undefined() -> None:
    """Without any weight a ratio is NaN, never a number."""
    batch = log(7, 20)._replace(target=np.zeros(20))
    assert np.isnan(value(SNIPS(), batch))
    assert value(IPS(), batch) == 0.0


def test_bounds_hold_for_every_term() -> None:
    """No term leaves the range that its estimator states."""
    batch = log(8, 5_000)
    for estimator in ESTIMATORS:
        bounds = estimator.bounds(float((TARGET / LOGGING).max()))
        if bounds is not None:
            terms = estimator.terms(batch)
            assert terms.min() >= bounds.low
            assert terms.max() <= bounds.high + 1e-12
