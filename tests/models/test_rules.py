import numpy as np
import pytest
from scipy.stats import chisquare

from models.policies import POLICIES, ScoreRule, rules
from models.simulation.rules import RULES

MU = np.array([0.5, 0.42, 0.3, 0.5, 0.45])
SIGMA = np.array([0.1, 0.2, 0.05, 0.1, 0.02])
DRAWS = 40_000
CLOSED_FORMS = ("epsilon_greedy", "greedy", "regcb", "squarecb")


def chances(name: str) -> np.ndarray:
    """The probabilities of the policy of a name."""
    policy = POLICIES[name]
    return policy.chances(MU, SIGMA) if issubclass(policy, ScoreRule) else np.full(MU.size, 1.0 / MU.size)


def test_every_rule_is_a_policys() -> None:
    """Every rule carries the name of a policy."""
    assert set(RULES) <= set(POLICIES)
    assert rules.WIDTH > 0.0


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_draws_from_its_policys_distribution(name: str) -> None:
    """A rule for many people draws from the distribution of the policy of its name, ties and floors included."""
    rows = (np.tile(MU, (DRAWS, 1)), np.tile(SIGMA, (DRAWS, 1)))
    picks = RULES[name](*rows, np.random.default_rng(1))
    expected = chances(name)
    possible = expected > 0.0
    counts = np.bincount(picks, minlength=MU.size)
    assert counts[~possible].sum() == 0
    assert chisquare(counts[possible], DRAWS * expected[possible] / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_a_row_of_a_batch_has_the_bits_that_it_has_alone(name: str, n: int) -> None:
    """Probabilities of many decisions at once are those of one decision each, bit for bit, ties among them."""
    rng = np.random.default_rng(n)
    mu, sigma = rng.random((2, 50, 3, n)).round(1)
    policy = POLICIES[name]
    assert issubclass(policy, ScoreRule)
    batch = policy.chances(mu, sigma)
    alone = [policy.chances(mu[row], sigma[row]) for row in np.ndindex(50, 3)]
    assert (batch.reshape(150, n) == np.array(alone)).all()


def test_an_inverse_gap_is_what_its_formula_says() -> None:
    """Others get 1 / (n + gamma gap), and the two best share the rest."""
    found = rules.inverse_gap(np.array([0.5, 0.4, 0.5, 0.0]), 10.0)
    others = 1 / 5, 1 / 9
    assert found.tolist() == pytest.approx([(1 - sum(others)) / 2, others[0], (1 - sum(others)) / 2, others[1]])


def test_scores_that_tie_for_the_last_places_share_them() -> None:
    """Two places for one clear best and three equal seconds: a half, and a third of the other half each."""
    assert rules.top(np.array([0.1, 0.7, 0.1, 0.1, 0.0]), 2).tolist() == pytest.approx(
        [1 / 6, 1 / 2, 1 / 6, 1 / 6, 0.0]
    )
    assert rules.top(np.array([[0.3, 0.2, 0.1], [0.0, 0.0, 1.0]]), 1).tolist() == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert rules.top(np.array([0.3, 0.2]), 5).tolist() == [0.5, 0.5]


def test_a_pick_past_the_sum_is_the_last_possible_action() -> None:
    """What a sum lacks of 1 belongs to the last action that has a probability, as in `draw`."""
    short = np.array([[1e-300, 0.0, 1e-300, 0.0]])
    assert rules.pick(short, np.random.default_rng(1)).tolist() == [2] == [rules.draw(short[0], seed=5)]
