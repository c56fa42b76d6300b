import numpy as np
import pytest
from scipy.stats import chisquare

from models.policies import POLICIES
from models.policies import regcb as regcb_module
from models.policies.policy import EXPLORATION, with_floor
from models.policies.propensity import argmax_probabilities
from models.simulation.rules import RULES

MU = np.array([0.5, 0.42, 0.3, 0.5, 0.45])
SIGMA = np.array([0.1, 0.2, 0.05, 0.1, 0.02])
DRAWS = 40_000


def chances(name: str) -> np.ndarray:
    """The probabilities of the policy of a name."""
    if name == "uniform":
        return np.full(MU.size, 1.0 / MU.size)
    if name == "linear_thompson":
        return with_floor(argmax_probabilities(MU, SIGMA), EXPLORATION)
    policy = POLICIES[name]
    found: np.ndarray = policy.chances(policy.__new__(policy), MU, SIGMA)  # type: ignore[attr-defined] # needs no model
    return found


def test_every_rule_is_a_policys() -> None:
    """Every rule carries the name of a policy."""
    assert set(RULES) <= set(POLICIES)
    assert regcb_module.WIDTH > 0.0


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
