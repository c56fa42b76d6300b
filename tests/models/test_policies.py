from collections.abc import Mapping

import numpy as np
import pytest

from data_contracts.errors import ArtifactRefused
from data_contracts.identifiers import PolicyDigest
from models.policies import POLICIES, STORABLE, ArtifactPolicy, FallbackPolicy, LinearThompson, Uniform, laws
from models.policies.fallback import FALLBACKS, FIT, FirstFallbackPolicy
from models.policies.rules import EXPLORATION, MAX_EXPLORATION, draw, unit_number, with_floor
from models.rewards.action_features import ACTION
from models.rewards.training import TrainingRows


@pytest.fixture(scope="module")
def policies(rows: TrainingRows) -> Mapping[str, ArtifactPolicy]:
    """Every policy that is trained, once, and the fallback."""
    return {FallbackPolicy.NAME: FallbackPolicy(), **{name: laws.trained(name, rows) for name in POLICIES}}


@pytest.mark.parametrize("law", laws.LAWS)
@pytest.mark.parametrize("name", STORABLE)
def test_every_policy_keeps_every_law(name: str, law: str, policies: Mapping[str, ArtifactPolicy]) -> None:
    """Every policy keeps every law."""
    laws.LAWS[law](policies[name])


@pytest.mark.parametrize("name", sorted(set(POLICIES) - {Uniform.NAME}))
def test_a_trained_policy_beats_uniform_in_the_trivial_world(name: str) -> None:
    """A trained policy beats uniform in the trivial world."""
    learned = laws.value_in_the_trivial_world(laws.trained(name, laws.trivial_world(1)))
    assert learned > laws.value_in_the_trivial_world(Uniform()) + 0.2


def test_a_law_notices_a_policy_that_breaks_it(thompson: LinearThompson, monkeypatch: pytest.MonkeyPatch) -> None:
    """A law notices a policy that breaks it."""
    monkeypatch.setattr(LinearThompson, "sample", lambda *_: np.zeros(laws.SAMPLES, dtype=np.intp))
    with pytest.raises(laws.Broken):
        laws.samples_follow_the_probabilities(thompson)


@pytest.mark.parametrize("law", ["order_is_irrelevant", "saved_and_loaded_it_chooses_the_same", "floors_hold"])
def test_the_first_fallback_policy_breaks_the_laws_for_which_it_was_replaced(law: str) -> None:
    """A law notices version 1, kept for the decisions that it made; golden vectors refuse it an artifact."""
    with pytest.raises((laws.Broken, ArtifactRefused)):
        laws.LAWS[law](FirstFallbackPolicy())


def test_a_digest_of_the_fallback_policy_names_one_formula_for_ever() -> None:
    """Records name these digests: version 1 takes the first five of the list, version 2 the five that fit best."""
    context, actions = next(laws.situations(1, 1, 7))
    actions[:-1, FIT] = 0.0
    actions[[1, 6], ACTION["personal"]] = 1.0
    first, second = (
        FALLBACKS[PolicyDigest(digest)].choose(context, actions, seed=3)
        for digest in ("unregistered:fallback", "unregistered:fallback-2")
    )
    assert first.probabilities.tolist() == [1 / 6] * 5 + [0.0, 0.0, 1 / 6]
    places = [0.1, 1 / 6, 0.1, 0.1, 0.1, 0.1, 1 / 6]  # two that fit, and three places for five that tie
    mixed = [(1 - EXPLORATION) * place + EXPLORATION / 7 for place in places]
    assert second.probabilities.tolist() == pytest.approx([*mixed, (1 - EXPLORATION) / 6], abs=1e-15)
    assert first.mu.tolist() == second.mu.tolist() == [0.0] * 7 + [context.silence]
    assert set(FALLBACKS) == {"unregistered:fallback", "unregistered:fallback-2"}


def test_the_fallback_policy_is_not_trained(rows: TrainingRows) -> None:
    """Training knows no policy of that name, so it never becomes a challenger."""
    assert set(STORABLE) - set(POLICIES) == {FallbackPolicy.NAME}
    with pytest.raises(KeyError):
        laws.trained(FallbackPolicy.NAME, rows)


def test_silence_falls_with_its_price_and_rises_with_interruptions(thompson: LinearThompson) -> None:
    """Silence falls with its price and rises with interruptions."""
    free = laws.silence_rate(thompson, price=0.0, count=60)
    usual = laws.silence_rate(thompson, count=60)
    worn = laws.silence_rate(thompson, spent=3, count=60)
    dear = laws.silence_rate(thompson, price=0.9, count=60)
    assert free < 0.01 < usual < worn < dear
    assert dear > 0.9


def test_floors_sum_to_the_exploration_and_silence_has_none() -> None:
    """Floors sum to the exploration and silence has none."""
    for candidates in (1, 5, 40):
        certain = np.append(np.zeros(candidates), 1.0)
        mixed = with_floor(certain)
        assert mixed[:-1].sum() == pytest.approx(EXPLORATION, abs=1e-15)
        assert mixed[-1] == 1.0 - EXPLORATION
    assert EXPLORATION <= MAX_EXPLORATION
    assert with_floor(np.ones(1)).tolist() == [1.0]


def test_more_exploration_than_allowed_is_refused() -> None:
    """More exploration than allowed is refused."""
    with pytest.raises(ValueError, match="outside"):
        with_floor(np.array([0.5, 0.5]), 0.051)


def test_the_missing_rest_of_a_sum_belongs_to_the_last_possible_action() -> None:
    """The missing rest of a sum belongs to the last possible action."""
    assert draw(np.array([1e-300, 0.0, 1e-300, 0.0]), seed=5) == 2
    assert draw(np.array([0.0, 1.0]), seed=5) == 1


def test_draws_follow_the_probabilities() -> None:
    """Draws follow the probabilities."""
    p = np.array([0.2, 0.0, 0.5, 0.3])
    counted = np.bincount([draw(p, seed) for seed in range(4_000)], minlength=4)
    assert counted[1] == 0
    assert np.abs(counted / 4_000 - p).max() < 0.03


@pytest.mark.parametrize(
    ("seed", "published"),
    [(0, 0xE220A8397B1DCDAF), (1_234_567, 6_457_827_717_110_365_317), (2**64, 0xE220A8397B1DCDAF)],
)
def test_the_number_of_a_seed_is_the_published_one(seed: int, published: int) -> None:
    """The first output of SplitMix64, whatever this Python or NumPy is."""
    assert unit_number(seed) == (published >> 11) / 2**53
