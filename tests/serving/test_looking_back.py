"""Receipts, replay, shadow runs and days: what the log alone can tell."""

import pytest

from data_contracts.errors import NotFound
from data_contracts.identifiers import DecisionId, PersonId, PolicyDigest
from data_contracts.reactions import ReactionKind
from infra.database import policies
from models.checks import trained
from models.policies import Greedy, LinearThompson
from models.simulation.warm_start import warm_start
from serving.champion import ChampionHolder
from serving.day import Day
from serving.pool_maker import PoolMaker
from serving.receipt import Receipts
from serving.replay import verify
from serving.shadow import Shadow
from serving.shelf import PolicyShelf
from tests.serving.world import World, warm_policy


def decided(living: World, count: int) -> list[DecisionId]:
    """Return decisions made along a day, tips answered, silences as they came."""
    found: list[DecisionId] = []
    answers = (ReactionKind.DONE, ReactionKind.NOT_NOW, ReactionKind.DONE, ReactionKind.NOT_FOR_ME)
    for number in range(200):
        answer = living.ask()
        if answer.decision_id is not None and not answer.repeated:
            found.append(answer.decision_id)
            if answer.tip is not None:
                living.desk.react(living.person, answer.decision_id, answers[number % 4], f"key-{number}")
        if len(found) == count:
            return found
        living.pass_time(minutes=15)
    raise AssertionError("too few decisions")


def test_the_contributions_of_a_receipt_sum_to_the_score(living: World) -> None:
    """They sum to the logged score within 1e-12, beside the logged probability and seed, for the person alone."""
    receipts = Receipts(living.database, PolicyShelf(living.home / "policies"))
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


def test_every_decision_replays_bit_for_bit_also_between_reactions(living: World) -> None:
    """Probabilities, scores and vector come back without any error, before the first reaction and after others."""
    shelf = PolicyShelf(living.home / "policies")
    with_reactions = decided(living, 10)
    assert {living.record(each).posterior_version for each in with_reactions} > {0}
    with living.database.read() as session:
        for decision in with_reactions:
            replay = verify(session, shelf, living.person, decision)
            assert replay.equal, replay
            assert (replay.probability_error, replay.score_error, replay.vector_error) == (0.0, 0.0, 0.0)


def test_an_undone_reaction_stays_in_the_history_that_replay_needs(living: World) -> None:
    """Reaction and undo count as two versions, and the decisions that follow them replay equal."""
    first = living.ask_until_tip().decision_id
    assert first is not None
    living.desk.react(living.person, first, ReactionKind.NOT_FOR_ME, "key")
    living.desk.undo(living.person, first)
    living.pass_time(hours=3)
    later = living.ask_until_tip().decision_id
    assert later is not None
    living.desk.react(living.person, later, ReactionKind.DONE, "key-2")
    living.pass_time(minutes=30)
    last = living.ask_until_tip().decision_id
    assert last is not None
    with living.database.read() as session:
        replays = [
            verify(session, PolicyShelf(living.home / "policies"), living.person, each) for each in (later, last)
        ]
    assert [living.record(each).posterior_version for each in (later, last)] == [2, 3]
    assert all(replay.equal for replay in replays)


def test_a_challenger_in_shadow_sees_every_decision_and_their_comparison_is_evidence(living: World) -> None:
    """A challenger sees each decision once, and the comparison counts them all, with both of its figures in range."""
    made = decided(living, 6)
    incumbent = living.champion.held.digest
    greedy = trained("greedy", warm_start(2, count=20, days=10))
    assert isinstance(greedy, Greedy)
    challenger = living.register(greedy)
    with living.database.unit_of_work() as uow:
        policies.set_stage(uow, challenger, "shadow")
        uow.commit()
    shadow = Shadow(living.database, PolicyShelf(living.home / "policies"))
    assert shadow.catch_up() == len(made)
    assert shadow.catch_up() == 0
    comparison = shadow.compare(challenger, incumbent)
    assert comparison.decisions == len(made)
    assert 0.0 <= comparison.agreement <= 1.0
    assert -1.0 <= comparison.value_difference <= 1.0


def test_a_refused_artifact_leaves_the_champion_that_was_loaded(living: World) -> None:
    """A damaged artifact is named as refused, also by the ping, and a missing one gives a new holder no policy."""
    before = living.champion.held
    living.ask()
    digest = living.register(trained("linear_thompson", warm_start(3, count=20, days=10)))
    (living.home / "policies" / digest / "arrays.npz").write_bytes(b"damaged")
    held = living.champion.follow(digest)
    assert held.policy is living.champion.held.policy
    assert held.refused == digest
    assert before.refused is None
    assert "refused" in living.champion.ping()
    assert ChampionHolder(living.home / "policies").follow(PolicyDigest("no digest")).policy is None


def test_a_refused_artifact_is_looked_at_again_after_a_while(living: World) -> None:
    """An artifact that arrives late is not loaded at once, but is 31 seconds after the refusal."""
    digest = living.champion.held.digest or living.promote(warm_policy())
    now = [0.0]
    holder = ChampionHolder(living.home / "policies", lambda: now[0])
    arrays = living.home / "policies" / digest / "arrays.npz"
    sound = arrays.read_bytes()
    arrays.unlink()
    assert holder.follow(digest).policy is None
    arrays.write_bytes(sound)
    assert holder.follow(digest).policy is None
    now[0] = 31.0
    assert holder.follow(digest).digest == digest


def test_a_promotion_holds_at_the_next_request(living: World) -> None:
    """The next request loads the promoted policy, and a decision that is made then names its digest."""
    living.ask()
    first = living.champion.held.digest
    second = living.promote(trained("linear_thompson", warm_start(5, count=20, days=10)))
    living.pass_time(minutes=15)
    answer = living.ask()
    assert living.champion.held.digest == second != first
    if answer.decision_id is not None and not answer.repeated:
        assert living.record(answer.decision_id).policy_digest == second


def test_a_day_has_a_step_each_quarter_hour_is_silent_by_rule_and_logs_nothing(living: World) -> None:
    """Of 96 steps those in quiet hours and events are silent, some speak, and the online store stays as it was."""
    from serving.hydration import Hydrator  # noqa: PLC0415 - one use

    living.ask()
    pools = PoolMaker(living.online, living.vault, Hydrator(living.database, living.vault))
    before = living.online.read(living.person)
    steps = Day(living.reader, pools, living.champion).steps(living.person, None, living.now)
    assert len(steps) == 96
    reasons = {step.at.strftime("%H:%M"): step.reason for step in steps}
    assert reasons["03:00"] == reasons["22:00"] == "quiet_hours"
    assert reasons["12:00"] == reasons["15:30"] == "in_event"
    assert any(step.speaks for step in steps)
    assert all((step.tip is not None) == step.speaks for step in steps)
    assert living.online.read(living.person) == before
    assert isinstance(warm_policy(), LinearThompson)
