import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import ndtr

from models.policies.propensity import argmax_probabilities, normal_cdf

Floats = NDArray[np.float64]
ERROR = 1e-9


def adaptive(mu: Floats, sigma: Floats) -> Floats:
    """Each probability by scipy's adaptive quadrature, told where every action's scale changes."""
    points = np.unique(np.concatenate([mu + k * sigma for k in (-8, -4, -2, -1, 0, 1, 2, 4, 8)]))
    result = np.zeros(mu.size)
    for i in range(mu.size):
        others = np.arange(mu.size) != i

        def integrand(t: float, i: int = i, others: NDArray[np.bool_] = others) -> float:
            x = (t - mu[i]) / sigma[i]
            density = math.exp(-0.5 * x * x) / (float(sigma[i]) * math.sqrt(2 * math.pi))
            return float(density * np.prod(ndtr((t - mu[others]) / sigma[others])))

        low, high = mu[i] - 9 * sigma[i], mu[i] + 9 * sigma[i]
        edges = [low, *points[(points > low) & (points < high)], high]
        result[i] = sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-11)[0] for a, b in itertools.pairwise(edges))
    return result


def assert_equal_to_adaptive(mu: Floats, sigma: Floats) -> None:
    """Hold ours against the adaptive one, and against a sum of 1."""
    ours = argmax_probabilities(mu, sigma)
    assert np.abs(ours - adaptive(mu, sigma)).max() <= ERROR
    assert abs(ours.sum() - 1) < ERROR


@pytest.mark.parametrize("ratio", [1, 3, 10, 100, 1000])
@pytest.mark.parametrize("actions", [2, 5, 12])
def test_probabilities_equal_adaptive_quadrature_at_every_ratio_of_scales(ratio: int, actions: int) -> None:
    """Probabilities equal adaptive quadrature at every ratio of scales."""
    rng = np.random.default_rng(ratio * 100 + actions)
    sigma = np.exp(rng.uniform(-math.log(ratio), 0.0, actions)) if ratio > 1 else np.ones(actions)
    sigma[[0, -1]] = 1.0, 1.0 / ratio
    assert_equal_to_adaptive(rng.normal(0.0, 0.5, actions), sigma)


def test_a_narrow_silence_among_thirty_wide_tips_is_exact() -> None:
    """A narrow silence among thirty wide tips is exact."""
    rng = np.random.default_rng(3)
    mu = np.append(rng.normal(0.4, 0.1, 30), 0.45)
    assert_equal_to_adaptive(mu, np.append(rng.uniform(0.05, 0.12, 30), 0.02))


@pytest.mark.parametrize("shift", [0.0, 1e-12, 1e-6])
@pytest.mark.parametrize("ratio", [1.0, 1000.0])
def test_ties_and_near_ties_are_exact(shift: float, ratio: float) -> None:
    """Ties and near ties are exact."""
    assert_equal_to_adaptive(np.array([0.3, 0.3 + shift, 0.3]), np.array([1.0, 1.0, 1.0 / ratio]))


@pytest.mark.parametrize("actions", [1, 2, 7, 31, 60])
def test_equal_actions_share_equally(actions: int) -> None:
    """Equal actions share equally."""
    p = argmax_probabilities(np.full(actions, 0.4), np.full(actions, 0.07))
    assert np.abs(p - 1 / actions).max() < ERROR
    assert abs(p.sum() - 1) < ERROR


def test_two_actions_follow_the_closed_form() -> None:
    """Two actions follow the closed form."""
    for gap in np.linspace(-3, 3, 13):
        p = argmax_probabilities(np.array([gap, 0.0]), np.array([1.0, 0.001]))
        assert abs(p[0] - ndtr(gap / math.hypot(1.0, 0.001))) < ERROR


def test_an_action_far_above_all_others_is_certain() -> None:
    """An action far above all others is certain."""
    p = argmax_probabilities(np.array([0.0, 1e9, -1e9]), np.array([1.0, 1e-3, 1.0]))
    assert p.tolist() == [0.0, 1.0, 0.0]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-7, 0)), min_size=1, max_size=40))
def test_probabilities_sum_to_one_and_move_with_their_actions(
    actions: list[tuple[float, float]],
) -> None:
    """Probabilities sum to one and move with their actions."""
    mu, sigma = np.array([a[0] for a in actions]), np.exp([a[1] for a in actions])
    p = argmax_probabilities(mu, sigma)
    order = np.random.default_rng(len(actions)).permutation(mu.size)
    assert abs(p.sum() - 1) < ERROR
    assert (p >= 0).all()
    assert np.abs(argmax_probabilities(mu[order], sigma[order]) - p[order]).max() < ERROR


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, math.inf])
def test_a_scale_that_is_none_is_refused(sigma: float) -> None:
    """A scale that is none is refused."""
    with pytest.raises(ValueError, match="standard deviations positive"):
        argmax_probabilities(np.array([0.0, 1.0]), np.array([1.0, sigma]))


@pytest.mark.parametrize("mu", [math.nan, math.inf, -math.inf])
def test_a_mean_that_is_none_is_refused(mu: float) -> None:
    """A mean that is none is refused."""
    with pytest.raises(ValueError, match="means must be finite"):
        argmax_probabilities(np.array([0.0, mu]), np.ones(2))


def test_the_distribution_function_is_right_to_thirteen_digits() -> None:
    """The distribution function is right to thirteen digits."""
    x = np.linspace(-12, 12, 100_001)
    assert np.abs(normal_cdf(x) - ndtr(x)).max() < 1e-13
