"""Laws of a live experiment at serving: who decides on which day, what the log says of it, and what learns."""

from datetime import timedelta
from itertools import count

import pytest

from data_contracts.durations import DAY_US
from data_contracts.identifiers import DecisionId, PolicyDigest, to_us
from data_contracts.rewards import ReactionKind
from infra.database.decisions import person_posteriors
from infra.database.policies import experiments
from infra.database.policies.experiments import Experiment
from models.policies.laws import trained
from models.promotion.experiments import CHALLENGER, CHAMPION, live_experiment, lived_day
from models.rewards import person_posterior
from models.simulation.warm_start import warm_start
from serving.explain.replay import verify
from serving.feedback.posterior_update import part_at
from serving.policy_cache.by_digest import PolicyCache
from tests.serving.world import World

SHARE = 0.5


def begun(living: World) -> tuple[Experiment, PolicyDigest]:
    """Begin an experiment whose challenger decides today and whose champion decides tomorrow."""
    challenger = living.register(trained("greedy", warm_start(4, count=20, days=10)))
    champion = living.champion.held.digest
    today = living.now.astimezone(living.life.zone).date()
    days = [lived_day(living.person, today + timedelta(days=ahead)) for ahead in (0, 1)]
    wanted = [CHALLENGER, CHAMPION]
    name = next(f"e{n}" for n in count() if [live_experiment(f"e{n}", SHARE).arm_of(day) for day in days] == wanted)
    now_us = to_us(living.now)
    made = Experiment(name, champion, challenger, SHARE, now_us, now_us + 5 * DAY_US)
    with living.database.unit_of_work() as uow:
        experiments.begin(uow, made, actor="test")
        uow.commit()
    return made, champion


def test_a_day_is_decided_by_one_logged_arm_with_its_own_probabilities(living: World) -> None:
    """Today the challenger decides, tomorrow the champion, after the end the champion without an arm; all replay."""
    living.ask()
    living.pass_time(minutes=15)
    made, champion = begun(living)
    told = []
    for _ in range(2):
        decision = living.ask_until_decision()
        record = living.record(decision)
        told.append((record.arm, record.policy_digest, record.fallback))
        policy_cache = PolicyCache(living.home / "policies", living.seal.holds)
        with living.database.read() as session:
            assert verify(session, policy_cache, living.person, decision).equal
        living.pass_time(days=1)
    assert told == [(f"{made.id}/challenger", made.challenger, None), (f"{made.id}/champion", champion, None)]
    living.pass_time(days=4)
    after = living.record(living.ask_until_decision())
    assert (after.arm, after.policy_digest) == (None, champion)


def test_a_refused_challenger_leaves_its_days_to_the_champion(living: World) -> None:
    """The day stays the challenger's in the log, the champion decides, and the probabilities are the champion's."""
    living.ask()
    living.pass_time(minutes=15)
    made, champion = begun(living)
    (living.home / "policies" / made.challenger / "arrays.npz").write_bytes(b"damaged")
    record = living.record(living.ask_until_decision())
    assert (record.arm, record.policy_digest) == (f"{made.id}/challenger", champion)
    assert record.fallback == "no_challenger"
    assert living.recommender.counts.snapshot()["no_challenger"] > 0
    assert f"challenger {made.challenger[:12]} refused" in living.champion.ping()
    assert living.champion.held.refused is None


def test_both_policies_learn_from_each_reward_in_their_own_posterior(living: World) -> None:
    """A reward moves the person's posterior of champion and challenger, each to the bits that the log gives."""
    living.ask()
    living.pass_time(minutes=15)
    made, champion = begun(living)
    answer = living.ask_until_tip()
    assert answer.decision_id is not None
    assert living.record(answer.decision_id).policy_digest == made.challenger
    living.reaction_handler.react(living.person, answer.decision_id, ReactionKind.DONE, "key")
    policy_cache = PolicyCache(living.home / "policies", living.seal.holds)
    with living.database.read() as session:
        for digest in (champion, made.challenger):
            stored = person_posteriors.find(session, living.person, digest)
            assert stored is not None
            model = getattr(policy_cache.get(digest), "model", None)
            again = part_at(session, model, living.person, 1)  # type: ignore[arg-type]  # both have one
            assert stored.payload == person_posterior.pack(again)
    record = living.record(DecisionId(living.ask_until_decision()))
    assert (record.policy_digest, record.posterior_version) == (made.challenger, 1)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_experiment_arms_are_independent_of_the_training_holdout(share: float) -> None:
    """Arms have their shares, and two experiments share out the same days independently."""
    days = [f"person {n % 7}|{n // 7}" for n in range(7_000)]
    one, other = live_experiment("one", share), live_experiment("other", share)
    mine = [one.arm_of(day) == CHALLENGER for day in days]
    theirs = [other.arm_of(day) == CHALLENGER for day in days]
    assert sum(mine) / len(days) == pytest.approx(share, abs=0.02)
    both = sum(a and b for a, b in zip(mine, theirs, strict=True))
    assert both / len(days) == pytest.approx(share * share, abs=0.015)
