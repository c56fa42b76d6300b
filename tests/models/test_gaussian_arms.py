import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.simulation.gaussian_arms import GaussianArms

LANES, ARMS, D = 3, 2, 4
SCALE = np.array([0.5, 1.0, 0.2, 2.0])
NOISE = 0.4

seeds = st.integers(0, 2**32 - 1)


def solved(x: np.ndarray, reward: np.ndarray, weight: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """The posterior by its definition: mean, and S."""
    spread = np.linalg.inv(np.diag((NOISE / SCALE) ** 2) + weight * x.T @ x)
    return spread @ (weight * x.T @ reward), spread


@settings(max_examples=30, deadline=None)
@given(seed=seeds, rows=st.integers(0, 60), fade=st.sampled_from([1.0, 0.7]))
def test_rank_one_updates_are_the_full_solution(seed: int, rows: int, fade: float) -> None:
    """Rank-one updates, many of one arm at once, then fading, give the posterior of all rows weighted alike."""
    rng = np.random.default_rng(seed)
    lane, arm = rng.integers(LANES, size=rows), rng.integers(ARMS, size=rows)
    x, reward = rng.normal(size=(rows, D)), rng.normal(size=rows)
    arms = GaussianArms(LANES, ARMS, SCALE, NOISE)
    for part in np.array_split(np.arange(rows), 3):
        arms.learn(lane[part], arm[part], x[part], reward[part])
    arms.forget(fade)
    for one in range(LANES):
        for other in range(ARMS):
            mine = (lane == one) & (arm == other)
            mean, spread = solved(x[mine], reward[mine], fade)
            assert arms.mean[one, other] == pytest.approx(mean, abs=1e-9)
            assert arms.spread[one, other] == pytest.approx(spread, abs=1e-9)


def test_scores_are_those_of_the_posterior() -> None:
    """Means and deviations of scores are x'm and noise sqrt(x'Sx), one context for all or one for each."""
    rng = np.random.default_rng(1)
    arms = GaussianArms(LANES, ARMS, SCALE, NOISE)
    arms.learn(np.array([0, 1, 1]), np.array([0, 1, 1]), rng.normal(size=(3, D)), rng.normal(size=3))
    each = rng.normal(size=(LANES, ARMS, D))
    mu, sigma = arms.scores(each)
    for lane in range(LANES):
        for arm in range(ARMS):
            x = each[lane, arm]
            assert mu[lane, arm] == pytest.approx(x @ arms.mean[lane, arm])
            assert sigma[lane, arm] == pytest.approx(NOISE * np.sqrt(x @ arms.spread[lane, arm] @ x))
    shared = arms.scores(each[:1, :1])
    alone = arms.scores(np.broadcast_to(each[:1, :1], each.shape))
    assert shared[0] == pytest.approx(alone[0])
    assert shared[1] == pytest.approx(alone[1])


def test_ten_thousand_updates_stay_near_the_full_solution() -> None:
    """Rounding of ten thousand rank-one updates stays below 1e-9."""
    rng = np.random.default_rng(2)
    x, reward = rng.normal(size=(10_000, D)), rng.normal(size=10_000)
    arms = GaussianArms(1, 1, SCALE, NOISE)
    zeros = np.zeros(1, np.intp)
    for row in range(10_000):
        arms.learn(zeros, zeros, x[row : row + 1], reward[row : row + 1])
    mean, spread = solved(x, reward)
    assert np.abs(arms.mean[0, 0] - mean).max() < 1e-9
    assert np.abs(arms.spread[0, 0] - spread).max() < 1e-9
