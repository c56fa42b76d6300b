"""Receipts, replay and shadow runs: what the log alone can tell, and who decides next."""

from pathlib import Path
from statistics import fmean

import pytest

from data_contracts.decisions import Trigger
from data_contracts.errors import NotFound
from data_contracts.events.codec import Event
from data_contracts.features import Source
from data_contracts.identifiers import DecisionId, PersonId, PolicyDigest, to_us
from data_contracts.rewards import ReactionKind
from infra.database.decisions.writer import new_decision
from infra.database.engine.database import Database
from infra.database.events import events
from infra.database.policies import policies
from infra.signing import PolicySeal
from models.policies import ArtifactPolicy
from models.policies.fallback import WIDTH, FirstFallbackPolicy
from models.policies.laws import trained
from models.simulation.warm_start import warm_start
from serving.explain.receipt import Receipts
from serving.explain.replay import part_of, recompute, verify
from serving.policy_cache.by_digest import PolicyCache
from serving.policy_cache.champion import ChampionHolder
from serving.recommend.recommender import situation_of
from serving.recommend.scorer import score
from serving.recommend.shadow import Shadow
from tests.serving.conftest import afternoon
from tests.serving.world import World, warm_policy, world


def decided(living: World, count: int) -> list[DecisionId]:
    """Return decisions made along a day, tips answered, silences as they came."""
    found: list[DecisionId] = []
    answers = (ReactionKind.DONE, ReactionKind.NOT_NOW, ReactionKind.DONE, ReactionKind.NOT_FOR_ME)
    for number in range(200):
        answer = living.ask()
        if answer.decision_id is not None and not answer.repeated:
            found.append(answer.decision_id)
            if answer.tip is not None:
                living.reaction_handler.react(living.person, answer.decision_id, answers[number % 4], f"key-{number}")
        if len(found) == count:
            return found
        living.pass_time(minutes=15)
    raise AssertionError("too few decisions")


def test_the_contributions_of_a_receipt_sum_to_the_score(living: World) -> None:
    """They sum to the logged score within 1e-12, beside the logged probability and seed, for the person alone."""
    receipts = Receipts(living.database, PolicyCache(living.home / "policies", living.seal.holds))
    for decision in decided(living, 8):
        record = living.record(decision)
        receipt = receipts.receipt(living.person, decision)
        total = sum(feature.contribution for feature in receipt.features)
        assert total == pytest.approx(float(record.mu[record.chosen]), abs=1e-12)
        assert receipt.probability == record.probabilities[record.chosen]
        assert receipt.seed == record.seed
        assert {feature.name for feature in receipt.features} >= {"free_gap_min", "tip.urgency", "silence"}
    with pytest.raises(NotFound):
        receipts.receipt(PersonId("ff" * 16), decision)


def test_a_receipt_says_in_words_which_source_was_too_old(living: World) -> None:
    """Eight days without a word about the calendar leave it out; one complete reading brings it back."""
    receipts = Receipts(living.database, PolicyCache(living.home / "policies", living.seal.holds))
    living.pass_time(days=8)
    stale = living.ask_until_decision()
    position = tuple(Source).index(Source.CALENDAR)
    calendar = "Your calendar was 8 days old and holds for 7 days, so it was left out."
    assert living.record(stale).stale_mask >> position & 1
    assert calendar in receipts.receipt(living.person, stale).left_out
    at_us = to_us(living.now)
    reading = Event(id="read", person=living.person, at_us=at_us, received_us=at_us, source="icalendar:x")
    reading.calendar_synced.SetInParent()
    with living.database.unit_of_work() as uow:
        events.append(uow, [reading])
        uow.commit()
    living.pass_time(minutes=15)
    fresh = living.ask_until_decision()
    assert not living.record(fresh).stale_mask >> position & 1
    assert calendar not in receipts.receipt(living.person, fresh).left_out


def test_every_decision_replays_bit_for_bit_also_between_reactions(living: World) -> None:
    """Probabilities, scores and vector come back without any error, before the first reaction and after others."""
    policy_cache = PolicyCache(living.home / "policies", living.seal.holds)
    with_reactions = decided(living, 10)
    assert {living.record(each).posterior_version for each in with_reactions} > {0}
    with living.database.read() as session:
        for decision in with_reactions:
            replay = verify(session, policy_cache, living.person, decision)
            assert replay.equal, replay
            assert (replay.probability_error, replay.score_error, replay.vector_error) == (0.0, 0.0, 0.0)


def test_decisions_of_the_fallback_policy_replay_by_the_version_that_made_them(
    home: Path, database: Database, person: PersonId
) -> None:
    """What is decided without a champion replays bit for bit, and so does a record of the first version."""
    policy_cache = PolicyCache(home / "policies", PolicySeal(home / "keys").holds)
    with world(home, database, person, afternoon(), policy=False) as bare:
        now = bare.ask_until_decision()
        bare.pass_time(minutes=30)
        seen = bare.reader.read(person, Trigger.OPEN, to_us(bare.now))
        situation = situation_of(seen, bare.recommender.pool_of(seen))
        assert situation.eligible.places.size > WIDTH
        before = score(situation, FirstFallbackPolicy(), None, decision_id=DecisionId("before"), seed=5).decision
        bare.writer.write(new_decision(before))
        assert bare.record(before.id).policy_digest == "unregistered:fallback"
        assert (bare.record(before.id).probabilities == 0.0).any()
        assert not (bare.record(now).probabilities == 0.0).any()
        with database.read() as session:
            assert all(verify(session, policy_cache, person, decision).equal for decision in (now, before.id))


def test_an_undone_reaction_stays_in_the_history_that_replay_needs(living: World) -> None:
    """Reaction and undo count as two versions, and the decisions that follow them replay equal."""
    first = living.ask_until_tip().decision_id
    assert first is not None
    living.reaction_handler.react(living.person, first, ReactionKind.NOT_FOR_ME, "key")
    living.reaction_handler.undo(living.person, first)
    living.pass_time(hours=3)
    later = living.ask_until_tip().decision_id
    assert later is not None
    living.reaction_handler.react(living.person, later, ReactionKind.DONE, "key-2")
    living.pass_time(minutes=30)
    last = living.ask_until_tip().decision_id
    assert last is not None
    with living.database.read() as session:
        replays = [
            verify(session, PolicyCache(living.home / "policies", living.seal.holds), living.person, each)
            for each in (later, last)
        ]
    assert [living.record(each).posterior_version for each in (later, last)] == [2, 3]
    assert all(replay.equal for replay in replays)


def in_shadow(living: World, policy: ArtifactPolicy) -> PolicyDigest:
    """Register a policy as a challenger in shadow and return its digest."""
    digest = living.register(policy)
    with living.database.unit_of_work() as uow:
        policies.set_stage(uow, digest, "shadow")
        uow.commit()
    return digest


def test_a_shadow_challenger_sees_and_counts_every_decision_once(living: World) -> None:
    """The uniform policy agrees once in n actions, and its value is the mean of the scores less what was expected."""
    shadow = Shadow(living.database, PolicyCache(living.home / "policies", living.seal.holds))
    challenger = in_shadow(living, trained("uniform", warm_start(2, count=1, days=1)))
    made = decided(living, 4)
    assert (shadow.catch_up(), shadow.catch_up()) == (4, 0)
    living.pass_time(minutes=15)
    made += decided(living, 2)
    assert (shadow.catch_up(), shadow.catch_up()) == (2, 0)
    comparison = shadow.compare(challenger, living.champion.held.digest)
    records = [living.record(each) for each in made]
    assert comparison.decisions == len(records) == 6
    assert comparison.agreement == pytest.approx(fmean(1 / len(record.candidates) for record in records), abs=1e-12)
    expected = fmean(record.mu.mean() - record.probabilities @ record.mu for record in records)
    assert comparison.value_difference == pytest.approx(expected, abs=1e-12)
    assert comparison.value_difference < 0


def test_agreement_is_the_probability_that_both_would_have_done_the_same(living: World) -> None:
    """With a greedy challenger, which has learned from the same rewards, it is the product of both distributions."""
    made = decided(living, 4)
    greedy = trained("greedy", warm_start(2, count=20, days=10))
    challenger = in_shadow(living, greedy)
    shadow = Shadow(living.database, PolicyCache(living.home / "policies", living.seal.holds))
    shadow.catch_up()
    records = [living.record(each) for each in made]
    with living.database.read() as session:
        theirs = [recompute(each, greedy, part_of(session, each, greedy)).probabilities for each in records]
    expected = fmean(p @ record.probabilities for p, record in zip(theirs, records, strict=True))
    assert shadow.compare(challenger, living.champion.held.digest).agreement == pytest.approx(expected, abs=1e-12)


def test_a_refused_artifact_leaves_the_champion_that_was_loaded(living: World) -> None:
    """A damaged artifact in the slot is named as refused, and decisions go on by the policy that was loaded before."""
    living.ask()
    before = living.champion.held
    assert before.policy is not None
    assert before.refused is None
    digest = living.promote(trained("linear_thompson", warm_start(3, count=20, days=10)))
    (living.home / "policies" / digest / "arrays.npz").write_bytes(b"damaged")
    living.pass_time(hours=20)
    decision = living.ask_until_decision()
    assert living.champion.held.policy is before.policy
    assert living.champion.held.refused == digest
    assert digest[:12] in living.champion.ping()
    record = living.record(decision)
    assert (record.policy_digest, record.fallback) == (before.digest, None)


def test_a_missing_artifact_gives_a_new_holder_no_policy(home: Path) -> None:
    """There is nothing to fall back on, and the missing artifact is named as refused."""
    held = ChampionHolder(home / "policies", verify=PolicySeal(home / "keys").holds).follow(PolicyDigest("no digest"))
    assert (held.policy, held.refused) == (None, "no digest")


def test_a_refused_artifact_is_looked_at_again_after_a_while(living: World) -> None:
    """An artifact that arrives late is not loaded at once, but is 31 seconds after the refusal."""
    digest = living.champion.held.digest or living.promote(warm_policy())
    now = [0.0]
    holder = ChampionHolder(living.home / "policies", verify=living.seal.holds, monotonic=lambda: now[0])
    arrays = living.home / "policies" / digest / "arrays.npz"
    sound = arrays.read_bytes()
    arrays.unlink()
    assert holder.follow(digest).policy is None
    arrays.write_bytes(sound)
    assert holder.follow(digest).policy is None
    now[0] = 31.0
    assert holder.follow(digest).digest == digest


def test_a_promotion_holds_at_the_next_request(living: World) -> None:
    """The decision before it names the old policy, the one after it the promoted policy."""
    first = living.ask_until_decision()
    second = living.promote(trained("linear_thompson", warm_start(5, count=20, days=10)))
    living.pass_time(hours=20)
    decision = living.ask().decision_id
    assert decision is not None
    assert decision != first
    assert living.record(decision).policy_digest == second != living.record(first).policy_digest
