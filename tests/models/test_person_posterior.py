import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.errors import Conflict, Malformed
from data_contracts.served import ServedTips
from models.policies import LinearThompson
from models.policies.policy import Context
from models.rewards import design, person_posterior
from models.rewards.action_features import action_features, prepare
from models.rewards.linear import LinearModel
from models.rewards.person_posterior import EPOCH_US, HALF_LIFE_US, Observation, PersonPosterior, PersonPrior
from tests.models.moments import NOW_US, POOL, vector

D = design.PERSON_D
PRIOR = PersonPrior(np.full(D, 0.04), 0.3)


def observations(count: int, seed: int = 1) -> list[Observation]:
    """Observations in the order of their times."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(NOW_US - HALF_LIFE_US, NOW_US, count)).tolist()
    return [Observation(t, f"r{i:03}", rng.random(D), float(rng.normal())) for i, t in enumerate(times)]


def bits(part: PersonPosterior) -> bytes:
    """All bits of a part."""
    return person_posterior.pack(part)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(12)))
def test_rebuilding_in_any_order_of_arrival_is_learning_in_order_bit_for_bit(order: list[int]) -> None:
    """Rebuilding in any order of arrival is learning in order bit for bit."""
    seen = observations(12)
    part = person_posterior.empty(PRIOR)
    for observation in seen:
        part = person_posterior.learn(part, PRIOR, observation)
    assert bits(person_posterior.rebuild(PRIOR, [seen[i] for i in order])) == bits(part)
    assert part.version == 12


def test_a_late_observation_asks_for_a_rebuild() -> None:
    """A late observation asks for a rebuild."""
    first, second = observations(2)
    part = person_posterior.learn(person_posterior.empty(PRIOR), PRIOR, second)
    assert not part.follows(first.at_us, first.id)
    with pytest.raises(Conflict, match="rebuilt in order"):
        person_posterior.learn(part, PRIOR, first)


def test_equal_times_are_ordered_by_id() -> None:
    """Equal times are ordered by id."""
    a, b = (Observation(NOW_US, name, np.ones(D), 0.5) for name in "ab")
    part = person_posterior.learn(person_posterior.learn(person_posterior.empty(PRIOR), PRIOR, a), PRIOR, b)
    assert bits(person_posterior.rebuild(PRIOR, [b, a])) == bits(part)


def test_the_posterior_is_the_discounted_ridge_regression() -> None:
    """The posterior is the discounted ridge regression."""
    seen = observations(30)
    part = person_posterior.rebuild(PRIOR, seen)
    weights = np.array([0.5 ** ((seen[-1].at_us - o.at_us) / HALF_LIFE_US) for o in seen])
    z, e = np.array([o.columns for o in seen]), np.array([o.residual for o in seen])
    covariance = np.linalg.inv(np.diag(PRIOR.scale**-2.0) + (z.T * weights) @ z / PRIOR.noise**2)
    assert np.allclose(part.mean, covariance @ (z.T @ (weights * e)) / PRIOR.noise**2, atol=1e-12)
    assert np.allclose(part.factor @ part.factor.T, covariance, atol=1e-12)


def test_an_old_observation_weighs_less_than_a_new_one() -> None:
    """An old observation weighs less than a new one."""
    old = Observation(NOW_US - 4 * HALF_LIFE_US, "old", np.eye(D)[0], 1.0)
    new = Observation(NOW_US, "new", np.eye(D)[1], 1.0)
    mean = person_posterior.rebuild(PRIOR, [old, new]).mean
    assert 0 < mean[0] < mean[1] / 10


def test_packing_is_exact_and_about_eight_kilobytes() -> None:
    """Packing is exact and about eight kilobytes."""
    part = person_posterior.rebuild(PRIOR, observations(9), version=41)
    packed = person_posterior.pack(part)
    again = person_posterior.unpack(packed)
    assert person_posterior.pack(again) == packed
    assert (again.version, again.latest_us, again.latest_id) == (41, part.latest_us, part.latest_id)
    assert (again.factor == part.factor).all()
    assert len(packed) < 8_192
    following = Observation(NOW_US + 1, "next", np.ones(D), 0.1)
    assert bits(person_posterior.learn(again, PRIOR, following)) == bits(person_posterior.learn(part, PRIOR, following))


@pytest.mark.parametrize("damage", [b"", b"OOP1", b"nope" + bytes(200)])
def test_a_damaged_part_is_refused(damage: bytes) -> None:
    """A damaged part is refused."""
    with pytest.raises(Malformed, match="person posterior"):
        person_posterior.unpack(damage)


def test_a_part_that_is_cut_short_is_refused() -> None:
    """A part that is cut short is refused."""
    with pytest.raises(Malformed, match="not one of dimension"):
        person_posterior.unpack(bits(person_posterior.empty(PRIOR))[:-1])


@pytest.mark.parametrize("columns", [np.ones(D - 1), np.full(D, np.nan)])
def test_an_observation_that_is_none_is_refused(columns: person_posterior.Floats) -> None:
    """An observation that is none is refused."""
    with pytest.raises(Malformed, match="finite columns"):
        person_posterior.learn(person_posterior.empty(PRIOR), PRIOR, Observation(NOW_US, "x", columns, 0.1))


def test_without_observations_the_part_is_the_prior() -> None:
    """Without observations the part is the prior."""
    part = person_posterior.rebuild(PRIOR, [])
    assert bits(part) == bits(person_posterior.empty(PRIOR))


def test_a_reaction_moves_later_probabilities_of_that_person(thompson: LinearThompson, model: LinearModel) -> None:
    """A reaction moves later probabilities of that person."""
    masked = np.zeros(len(vector(10)), dtype=np.bool_)

    actions = action_features(prepare(POOL), vector=vector(10), masked=masked, tips=ServedTips(), now_us=NOW_US)
    before = Context(design.scaled_context(vector(10), masked), 0.45)
    seen = model.observe(before.values, actions[5], reward=1.0, at_us=NOW_US, identifier="r1")
    part = person_posterior.learn(person_posterior.empty(model.person_prior), model.person_prior, seen)
    one = thompson.choose(before, actions, seed=1).probabilities
    other = thompson.choose(before._replace(person=part), actions, seed=1).probabilities
    assert other[5] > one[5]
    empty = before._replace(person=person_posterior.empty(model.person_prior))
    assert (thompson.choose(empty, actions, seed=1).probabilities == one).all()


def test_weights_count_from_an_epoch_that_never_moves() -> None:
    """Weights count from an epoch that never moves."""
    assert EPOCH_US == 1_704_067_200_000_000
