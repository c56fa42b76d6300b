"""Twenty-five golden moments: the acceptable answers hold at least nine tenths of the policy's probability."""

from functools import cache
from typing import Any

import pytest

from models.policies.laws import trained
from models.policies.policy import Policy
from models.simulation.warm_start import warm_start
from tests.moments.golden_moment import GOLDEN, Answer, answer, load

NAMES = sorted(path.stem for path in GOLDEN.glob("*.toml"))
LEAST = 0.9


@cache
def policy() -> Policy:
    """Return the policy of the simulated population, as a new installation has it."""
    return trained("linear_thompson", warm_start(1))


@cache
def golden(name: str) -> tuple[dict[str, Any], Answer]:
    """Return a moment and the answer of the whole path."""
    moment = load(name)
    return moment, answer(moment, policy())


def test_there_are_twenty_five_golden_moments_that_say_why() -> None:
    """There are exactly twenty-five files, and the reason of each ends as a sentence does."""
    assert len(NAMES) == 25
    assert all(load(name)["why"].endswith((".", "!")) for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_acceptable_answers_hold_nine_tenths_of_the_probability(name: str) -> None:
    """What the file accepts holds 0.9 of the exact probabilities, and these sum to one."""
    moment, given = golden(name)
    best = sorted(given.actions, key=lambda action: -action[1])[:5]
    assert given.mass(moment["accept"]) >= LEAST, [(ref and ref.template, round(p, 3)) for ref, p in best]
    assert sum(p for _, p in given.actions) == pytest.approx(1.0, abs=1e-9)


def test_what_is_acceptable_is_less_than_what_is_eligible() -> None:
    """At least twelve moments leave the policy two tips or more, and in twelve of them some action is not accepted."""
    chosen = [golden(name) for name in NAMES]
    free = [(moment, given) for moment, given in chosen if given.rule is None and len(given.actions) > 2]
    narrow = [
        given for moment, given in free if any(not given.accepts(ref, moment["accept"]) for ref, _ in given.actions)
    ]
    assert len(free) >= 12
    assert len(narrow) >= 12
