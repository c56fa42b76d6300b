"""Counterfactuals: what another policy would have said, from the log."""

from models.policies import Uniform
from serving.explain.counterfactual import counterfactuals
from serving.policy_cache.by_digest import PolicyCache
from tests.serving.test_looking_back import decided
from tests.serving.world import World

FOREVER_US = 1 << 62


def test_the_deciding_policy_would_have_said_the_same(living: World) -> None:
    """The policy that decided says the same again, at the logged probability, also after it learned."""
    made = decided(living, 5)
    record = living.record(made[0])
    policy = PolicyCache(living.home / "policies", living.seal.holds).get(record.policy_digest)
    with living.database.read() as session:
        found = counterfactuals(session, policy, living.person, since_us=0, until_us=FOREVER_US)
    assert [each.decision for each in found] == made
    for each in found:
        logged = living.record(each.decision)
        assert each.said == each.would_say == logged.chosen_ref.template
        assert each.chance_of_said == logged.probabilities[logged.chosen]
        assert each.expected_reward == logged.mu[logged.chosen]


def test_another_policy_is_asked_in_the_same_moments_alone(living: World) -> None:
    """Uniform would have spoken with equal chances, expects nothing, and only the asked range is answered."""
    made = decided(living, 3)
    second = living.record(made[1]).at_us
    with living.database.read() as session:
        found = counterfactuals(session, Uniform(), living.person, since_us=second, until_us=second + 1)
    (only,) = found
    assert only.decision == made[1]
    assert only.chance_of_said == 1 / len(living.record(made[1]).candidates)
    assert only.expected_reward is None
