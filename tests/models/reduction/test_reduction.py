import numpy as np
import pytest

from models.policies import RegCB, Uniform
from models.reduction.choosing import RULES, squarecb
from models.reduction.examples import Examples
from models.reduction.features import SCALINGS, features_of
from models.reduction.regressions import Regressions
from models.reduction.run import Learner, reduce
from models.reduction.selection import Setting, best_setting

ACTIONS = 3


def rings(seed: int, count: int = 350) -> Examples:
    """Labels are rings around the origin, in columns of very different units: no line tells them apart."""
    rng = np.random.default_rng(seed)
    plane = rng.normal(size=(count, 2))
    radius = np.hypot(plane[:, 0], plane[:, 1])
    right = np.searchsorted(np.quantile(radius, [1 / 3, 2 / 3]), radius)
    return Examples(plane * [1e-3, 1e4] + [5.0, -7e4], right.astype(np.intp), ACTIONS)


@pytest.mark.parametrize("policy", sorted(set(RULES) - {Uniform.NAME}))
def test_every_policy_learns_what_no_line_can(policy: str) -> None:
    """Every policy that learns is far below the loss of chance on rings."""
    assert reduce(rings(1), policy, 1).progressive_loss < 0.5


def test_uniform_loses_as_chance_does() -> None:
    """The control loses two of three rounds."""
    assert reduce(rings(1, 500), Uniform.NAME, 1).progressive_loss == pytest.approx(2 / 3, abs=0.07)


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    """The same seed gives the same loss, another seed another order."""
    examples = rings(2, 300)
    one, again, other = (reduce(examples, RegCB.NAME, seed).progressive_loss for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_learner_is_never_told_what_it_did_not_choose() -> None:
    """Labels of rounds whose choice was wrong may be anything else that is wrong: the run stays the same."""
    examples = rings(3, 250)

    def choices(labels: np.ndarray[tuple[int], np.dtype[np.intp]]) -> list[int]:
        learner = Learner(RULES[RegCB.NAME], examples.contexts, ACTIONS, np.random.default_rng(1))
        made = []
        for label in labels.tolist():
            made.append(learner.choose())
            learner.learn(made[-1], float(made[-1] == label))
        return made

    chosen = np.array(choices(examples.right))
    third = ACTIONS - chosen - examples.right  # the one that is neither chosen nor right
    swapped = np.where(chosen == examples.right, examples.right, third)
    assert choices(swapped.astype(np.intp)) == chosen.tolist()


def test_a_round_is_lost_before_it_is_learned_from() -> None:
    """With one context and labels that always change after a right choice, nothing is ever foreseen."""
    examples = Examples(np.ones((60, 1)), (np.arange(60) % 2).astype(np.intp), 2)
    assert 0.3 < reduce(examples, "greedy", 1).progressive_loss < 0.7


def test_moving_a_regression_is_making_it_anew() -> None:
    """Rewards taken in one by one give the scores of all at once."""
    rng = np.random.default_rng(4)
    rows, actions, rewards = rng.normal(size=(80, 6)), rng.integers(ACTIONS, size=80), rng.random(80)
    moved = Regressions(rows[:20], actions[:20], rewards[:20], count=ACTIONS, noise=0.1)
    for row, action, reward in zip(rows[20:], actions[20:].tolist(), rewards[20:].tolist(), strict=True):
        moved.learn(row, action, reward)
    made = Regressions(rows, actions, rewards, count=ACTIONS, noise=0.1)
    for row in rows[:5]:
        for one, other in zip(moved.score(row), made.score(row), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("kind", SCALINGS)
def test_features_give_the_kernel_back(kind: str) -> None:
    """With every context a landmark, products of features are the kernel, and a constant column does no harm."""
    rng = np.random.default_rng(5)
    contexts = np.column_stack((rng.normal(size=(40, 3)), np.full(40, 7.0)))
    features = features_of(contexts, kind, 1.0, 40, rng)
    made = features.of(contexts)
    scaled = features.scaling.apply(contexts)
    kernel = features.kernel.between(scaled, scaled, (scaled**2).sum(axis=1))
    np.testing.assert_allclose(made @ made.T, kernel, atol=2e-3)


def test_the_setting_that_fits_is_found() -> None:
    """Rewards that jump ask for a short reach, rewards that are noise for much of it; nothing seen is the default."""
    rng = np.random.default_rng(6)
    contexts, actions = rng.normal(size=(200, 1)), np.zeros(200, np.intp)
    jumps = (np.floor(3 * contexts[:, 0]) % 2).astype(float)
    dice = rng.integers(2, size=200).astype(float)
    assert best_setting(contexts, actions, jumps, rng).reach < 1.0
    assert best_setting(contexts, actions, dice, rng).noise == 1.0
    assert best_setting(contexts[:1], actions[:1], dice[:1], rng) == Setting()


def test_the_gap_decides_how_often_an_action_is_tried() -> None:
    """Inverse gap weighting draws each action with its own probability."""
    rng = np.random.default_rng(7)
    mu = np.array([0.5, 0.4, 0.0])
    drawn = np.bincount([squarecb(mu, mu, 1, rng) for _ in range(8_000)], minlength=3) / 8_000
    chances = 1.0 / (3.0 + 30.0 * (0.5 - mu[1:]))
    np.testing.assert_allclose(drawn[1:], chances, atol=0.015)
