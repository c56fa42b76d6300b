from pathlib import Path

import numpy as np
import pytest

from data_contracts.errors import Malformed
from models.simulation.rules import RULES
from models.simulation.scenario import Scenario, checked, scenario_from
from models.simulation.summary import try_out
from tests.source_tree import CHECKOUT

SHIPPED = sorted((CHECKOUT / "examples" / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_is_sound_and_has_its_files_name(path: Path) -> None:
    """A shipped scenario is sound, and is called like its file."""
    assert scenario_from(path).name == path.stem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("shoe_size: 3", "shoe_size"),
        ("[1, 2", "cannot be read as YAML"),
        ("- 1", "not a table"),
        ("missing: 1.5", "missing is in"),
        ("tips_a_day: soon", "tips_a_day is a number"),
        ("tips_a_day: 2.5", "whole number"),
        ("turn_day: -1", "turn_day"),
        ("event_days: [x]", "event_days"),
        ("event_days: 5", "event_days is a list"),
        ("fatigue: .nan", "fatigue is a number"),
        ("tastes: .inf", "tastes is a number"),
        ("1: 2", "foreign keys"),
        ("name: [a]", "name is a text"),
        ("events_a_month: 31", "events_a_month is in"),
        ("!!python/object/apply:os.system ['true']", "cannot be read as YAML"),
    ],
)
def test_a_scenario_that_makes_no_world_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """A scenario that makes no world is refused with the reason."""
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(Malformed, match=told):
        scenario_from(path)


def test_the_same_seed_is_the_same_world() -> None:
    """The same seed gives the same numbers, another one gives others."""
    one, again, other = (try_out(Scenario(), ["greedy"], people=20, days=4, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_a_policys_numbers_depend_on_nobody_else() -> None:
    """Alone, in company, in another order and in several processes a policy's numbers are the same, bit for bit."""
    world = Scenario(events_a_month=2)
    together = try_out(world, ["uniform", "greedy", "regcb"], people=15, days=3, seed=1)
    apart = try_out(world, ["uniform", "regcb", "greedy"], people=15, days=3, seed=1, processes=2)
    assert {each.policy: each for each in together} == {each.policy: each for each in apart}
    (alone,) = try_out(world, ["greedy"], people=15, days=3, seed=1)
    assert alone.reward_by_day == together[1].reward_by_day


def test_lives_that_turn_cost_what_was_learned() -> None:
    """Where lives turn often a policy that learns earns less than where they never do."""
    calm, restless = (
        try_out(Scenario(tastes=1.5, events_a_month=rate), ["greedy"], people=60, days=15, seed=7)[0].regret.value
        for rate in (0.0, 15.0)
    )
    assert restless > calm


def test_learning_beats_chance_and_regret_falls() -> None:
    """Whoever learns beats uniform with confidence, and where nothing wears out it earns more at the end."""
    names = ["uniform", *sorted(set(RULES) - {"uniform"})]
    found = {
        each.policy: each for each in try_out(Scenario(fatigue=0, habituation=0), names, people=60, days=15, seed=3)
    }
    for name in names[1:]:
        assert found[name].gain.low > 0.0, name
        assert np.mean(found[name].reward_by_day[-5:]) > found[name].reward_by_day[0]
        assert found[name].regret.value < found["uniform"].regret.value


def test_a_world_that_turns_costs_what_was_learned() -> None:
    """When the world turns, a policy that learned falls, and recovers by speaking less."""
    (found,) = try_out(Scenario(turn_day=12, tastes=1.5), ["linear_thompson"], people=80, days=40, seed=4)
    before = np.mean(found.reward_by_day[8:12])
    after = np.mean(found.reward_by_day[12:15])
    later = np.mean(found.reward_by_day[-5:])
    assert after < before - 0.03
    assert later > after


def test_weariness_makes_a_policy_quieter() -> None:
    """Where tips wear people out, a policy that learns falls silent more often."""
    calm, weary = (
        try_out(checked(Scenario(fatigue=f, habituation=h)), ["linear_thompson"], people=60, days=15, seed=5)[0]
        for f, h in ((0.0, 0.0), (0.8, 1.0))
    )
    assert weary.silence.value > calm.silence.value


def test_answers_that_never_come_count_as_ignored() -> None:
    """Missing answers make tips look worse than they are, so fewer are given."""
    none, many = (
        try_out(Scenario(missing=share), ["greedy"], people=60, days=12, seed=6)[0].silence.value
        for share in (0.0, 0.8)
    )
    assert many > none
