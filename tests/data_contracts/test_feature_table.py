"""Laws of the feature table, the served row, rewards and retention."""

from itertools import pairwise

import pytest

from data_contracts.events.oo.events.v1.facts_pb2 import Reaction
from data_contracts.features import CONSENT_SIGNALS, FEATURES, POSITION, SOURCES, TOP, Source
from data_contracts.retention import FILES, TABLES, Exit, Sensitivity
from data_contracts.rewards import REWARDS, SILENCE_SIGMA, Outcome, ReactionKind, silence_reward
from data_contracts.served import CAPS, VIEWS, ServedRow


def test_names_are_unique_and_their_positions_are_the_order() -> None:
    """A name is a position in every vector."""
    assert [POSITION[feature.name] for feature in FEATURES] == list(range(len(FEATURES)))
    assert 40 <= len(FEATURES) <= 50


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_says_what_it_is(feature: object) -> None:
    """Range, unit and reason are there, and a logarithm needs a range that starts at zero."""
    known = FEATURES[POSITION[getattr(feature, "name", "")]]
    assert known.low < known.high
    assert known.unit
    assert known.why
    assert known.scale == "linear" or known.low == 0
    assert known.unit != "bool" or (known.low, known.high) == (0, 1)


def test_every_source_but_the_clock_needs_consent_and_is_used() -> None:
    """No feature is read without a purpose that the person can refuse."""
    assert set(SOURCES) == set(Source) == {feature.source for feature in FEATURES}
    assert set(CONSENT_SIGNALS) == set(Source) - {Source.CLOCK}
    assert all(contract.purpose and 0 < contract.fresh_s <= contract.ttl_s for contract in SOURCES.values())


def test_every_list_of_the_served_row_is_capped_and_nothing_else_is() -> None:
    """The row stays small whatever a person does."""
    lists = {
        name for view in VIEWS.values() for name, default in view._field_defaults.items() if isinstance(default, tuple)
    }
    assert lists == set(CAPS)
    assert max(CAPS.values()) <= 4 * TOP


def test_the_served_row_has_one_part_per_source() -> None:
    """The parts are in the order of the sources."""
    assert tuple(VIEWS) == CONSENT_SIGNALS
    assert ServedRow._fields == tuple(source.value for source in CONSENT_SIGNALS)
    assert tuple(type(part) for part in ServedRow()) == tuple(VIEWS.values())


def test_rewards_keep_their_order() -> None:
    """not_for_me < ignored < silence < done, at every number of interruptions that a budget allows."""
    assert set(REWARDS) == set(Outcome)
    assert all(0 <= reward <= 1 for reward in REWARDS.values())
    for spent in range(25):
        assert REWARDS[Outcome.NOT_FOR_ME] < REWARDS[Outcome.IGNORED] < silence_reward(spent) < REWARDS[Outcome.DONE]


def test_silence_is_worth_more_with_each_interruption() -> None:
    """The reward of silence rises with what was spent, follows its price and stays in [0, 1]."""
    assert all(first < second for first, second in pairwise(silence_reward(spent) for spent in range(25)))
    assert silence_reward(0, price=0.0) == 0.0
    assert silence_reward(50, price=0.9) < 1.0 == silence_reward(0, price=1.0)
    assert 0 < SILENCE_SIGMA < 0.1


def test_reactions_are_outcomes_and_are_in_the_event_schema() -> None:
    """One word means the same in the table, in the event and in the answer."""
    schema = {value.name.removeprefix("REACTION_").lower() for value in Reaction.DESCRIPTOR.values}
    assert schema == {kind.value for kind in ReactionKind} | {"unspecified"}
    assert {kind.value for kind in ReactionKind} < {outcome.value for outcome in Outcome}


def test_what_is_personal_has_a_way_out() -> None:
    """Only what was never about a person may have none, and it is not personal."""
    for name, retention in {**TABLES, **FILES}.items():
        assert retention.purpose, name
        assert (retention.exit is Exit.NOBODY_INSIDE) == (retention.sensitivity is Sensitivity.OPERATIONAL), name
        assert retention.since is None or retention.ttl_days is not None, name
