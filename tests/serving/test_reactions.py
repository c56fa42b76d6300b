"""What a person answers moves reward, posterior, blocks and events together, once, and can be taken back."""

from dataclasses import replace

import pytest

from data_contracts.errors import Conflict, NotFound
from data_contracts.events.codec import Event, kind
from data_contracts.events.oo.events.v1 import signals_pb2
from data_contracts.identifiers import DecisionId, PersonId, to_us
from data_contracts.rewards import REWARDS, Outcome, ReactionKind
from infra.database.decisions import person_posteriors, reward_changes
from infra.database.events import events
from models.rewards import person_posterior
from models.rewards.person_posterior import PersonPosterior
from serving.explain.replay import recompute
from serving.feedback.posterior_update import model_of, part_at
from tests.infra.database.rows import blocks_of
from tests.serving.world import World


def kinds(living: World) -> list[str]:
    """Return the kinds of the person's events, in order."""
    with living.database.read() as session:
        return [kind(each.event) for each in events.after(session, living.person, 0, 1_000)]


def tip(living: World) -> DecisionId:
    """Return the decision of the next tip."""
    answer = living.ask_until_tip()
    assert answer.decision_id is not None
    return answer.decision_id


def part_of(living: World) -> PersonPosterior:
    """Return the person's stored part of the champion."""
    with living.database.read() as session:
        stored = person_posteriors.find(session, living.person, living.champion.held.digest)
    assert stored is not None
    return person_posterior.unpack(stored.payload)


def same_part_as_rebuilt(living: World) -> bool:
    """Return whether the stored part is, byte for byte, the one rebuilt from the log at the newest version."""
    model = model_of(living.champion.held.policy)
    assert model is not None
    with living.database.read() as session:
        stored = person_posteriors.find(session, living.person, living.champion.held.digest)
        assert stored is not None
        rebuilt = part_at(session, model, living.person, stored.version)
        assert stored.version == reward_changes.version_of(session, living.person)
    return stored.payload == person_posterior.pack(rebuilt)


def test_a_tip_is_shown_once_and_by_nobody_else(living: World) -> None:
    """The first showing counts and leaves one event, the second does not, and nobody else can show the tip."""
    decision = tip(living)
    assert living.reaction_handler.shown(living.person, decision)
    assert not living.reaction_handler.shown(living.person, decision)
    assert kinds(living).count("tip_shown") == 1
    with pytest.raises(NotFound):
        living.reaction_handler.shown(PersonId("ff" * 16), decision)


def test_a_silence_is_neither_shown_nor_answered(living: World) -> None:
    """Both are refused, and neither leaves an event, a reward or the time of a showing."""
    silence = living.ask_until_silence()
    before = kinds(living)
    with pytest.raises(NotFound):
        living.reaction_handler.shown(living.person, silence)
    with pytest.raises(Conflict):
        living.reaction_handler.react(living.person, silence, ReactionKind.DONE, "to a silence")
    row = living.row(silence)
    assert (row.shown_us, row.closed_us, row.reward) == (None, None, None)
    assert kinds(living) == before


@pytest.mark.parametrize("reaction", list(ReactionKind))
def test_a_reaction_brings_its_reward_once_and_moves_the_posterior(living: World, reaction: ReactionKind) -> None:
    """Reward, outcome, event, block and posterior follow one reaction, and repeating its key applies nothing."""
    decision = tip(living)
    cluster = living.record(decision).chosen_ref.cluster
    result = living.reaction_handler.react(living.person, decision, reaction, "key")
    reward = REWARDS[Outcome(reaction.value)]
    assert (result.applied, result.reward, result.posterior_version) == (True, reward, 1)
    again = living.reaction_handler.react(living.person, decision, reaction, "key")
    assert (again.applied, again.reward, again.posterior_version) == (False, reward, 1)
    row = living.row(decision)
    assert (row.outcome, row.reward, row.closed_by) == (reaction.value, reward, "reaction")
    assert kinds(living).count("reaction_received") == 1
    with living.database.read() as session:
        blocked = blocks_of(session, living.person)
    seconds = {"done": None, "not_now": 7_200, "not_for_me": 14 * 86_400}[reaction.value]
    assert blocked == ({} if seconds is None else {cluster: to_us(living.now) + seconds * 1_000_000})
    assert same_part_as_rebuilt(living)


def test_a_second_answer_and_a_key_used_for_something_else_are_conflicts(living: World) -> None:
    """One answer a tip, one use a key, and no answer at all to a tip of eight days ago."""
    decision = tip(living)
    living.reaction_handler.react(living.person, decision, ReactionKind.DONE, "key")
    with pytest.raises(Conflict):
        living.reaction_handler.react(living.person, decision, ReactionKind.NOT_NOW, "another")
    with pytest.raises(Conflict):
        living.reaction_handler.react(living.person, decision, ReactionKind.NOT_NOW, "key")
    living.pass_time(days=1)
    other = tip(living)
    living.pass_time(days=8)
    with pytest.raises(Conflict):
        living.reaction_handler.react(living.person, other, ReactionKind.DONE, "late")


def test_an_undo_within_five_seconds_leaves_no_trace(living: World) -> None:
    """At 5 s reward and block go, and all but the version of the part is as it was, bit for bit; 6 s is a conflict."""
    first = tip(living)
    living.reaction_handler.react(living.person, first, ReactionKind.DONE, "first")
    living.pass_time(minutes=15)
    decision = tip(living)
    before = part_of(living)
    living.reaction_handler.react(living.person, decision, ReactionKind.NOT_FOR_ME, "key")
    assert part_of(living).moment.tolist() != before.moment.tolist()
    living.pass_time(seconds=5)
    undone = living.reaction_handler.undo(living.person, decision)
    assert (undone.applied, undone.reward, undone.posterior_version) == (True, None, 3)
    assert person_posterior.pack(replace(part_of(living), version=before.version)) == person_posterior.pack(before)
    assert same_part_as_rebuilt(living)
    row = living.row(decision)
    assert (row.outcome, row.reward, row.closed_us) == (None, None, None)
    with living.database.read() as session:
        assert blocks_of(session, living.person) == {}
    assert living.ask().decision_id == decision
    living.reaction_handler.react(living.person, decision, ReactionKind.DONE, "second")
    living.pass_time(seconds=6)
    with pytest.raises(Conflict):
        living.reaction_handler.undo(living.person, decision)
    assert kinds(living).count("reaction_undone") == 1


def test_a_seen_tip_without_an_answer_is_ignored_until_a_late_answer(living: World) -> None:
    """It is settled once, after the wait window, and undoing the late answer brings the default back."""
    decision = tip(living)
    living.reaction_handler.shown(living.person, decision)
    living.pass_time(hours=3)
    assert living.outcomes.settle() == (0, 0)
    living.pass_time(hours=2)
    assert living.outcomes.settle() == (1, 0)
    assert living.outcomes.settle() == (0, 0)
    assert living.row(decision).outcome == "ignored"
    late = living.reaction_handler.react(living.person, decision, ReactionKind.DONE, "late")
    assert (late.reward, late.posterior_version) == (1.0, 2)
    assert living.row(decision).reward == 1.0
    assert same_part_as_rebuilt(living)
    living.reaction_handler.undo(living.person, decision)
    assert living.row(decision).outcome == "ignored"


def test_a_tip_that_was_never_seen_never_becomes_a_reward(living: World) -> None:
    """Two days later settling finds nothing to do, and there is no reward."""
    decision = tip(living)
    living.pass_time(days=2)
    assert living.outcomes.settle() == (0, 0)
    assert living.row(decision).reward is None


def complete(living: World, subject: str, *, publish: bool = True) -> None:
    """Complete a task or log a habit now; unpublished, nobody in this process hears of it."""
    habit = subject in living.life.row().habits.habit_keys
    at_us = to_us(living.now)
    event = Event(id=f"complete-{subject}", person=living.person, at_us=at_us, received_us=at_us, source="todoist")
    if habit:
        event.habit_logged.habit = subject
    else:
        event.task_changed.task = subject
        event.task_changed.state = signals_pb2.TASK_STATE_DONE
        event.task_changed.completed_us = at_us
    if not publish:  # as an import in another process
        living.database.bus._handlers = ()
    with living.database.unit_of_work() as uow:
        events.append(uow, [event])
        uow.commit()


@pytest.mark.parametrize("publish", [True, False])
def test_completing_what_was_tipped_is_an_outcome_without_a_tap(living: World, publish: bool) -> None:
    """A completion counts 0.9, once, whether the bus tells of it or settling finds it later."""
    decision = living.ask_until_subject()
    living.reaction_handler.shown(living.person, decision)
    subject = living.row(decision).subject
    assert subject is not None
    living.pass_time(minutes=20)
    complete(living, subject, publish=publish)
    if not publish:
        living.pass_time(hours=5)
        assert living.outcomes.settle() == (0, 1)
    row = living.row(decision)
    assert (row.outcome, row.reward, row.closed_by) == ("completed", 0.9, "completed")
    assert kinds(living).count("outcome_observed") == 1
    assert same_part_as_rebuilt(living)


@pytest.mark.parametrize("reaction", [ReactionKind.DONE, ReactionKind.NOT_FOR_ME])
def test_a_reaction_changes_a_later_probability(living: World, reaction: ReactionKind) -> None:
    """The part alone moves the probability of the same tip in the same situation, and later decisions use that part."""
    decision = tip(living)
    record = living.record(decision)
    policy = living.champion.held.policy
    assert policy is not None
    living.reaction_handler.react(living.person, decision, reaction, "key")
    without, learned = recompute(record, policy, None), recompute(record, policy, part_of(living))
    assert without.probabilities.tolist() == record.probabilities.tolist()
    change = learned.probabilities[record.chosen] - without.probabilities[record.chosen]
    assert change > 0 if reaction is ReactionKind.DONE else change < 0
    living.pass_time(minutes=15)
    later = living.record(living.ask_until_decision())
    assert later.posterior_version == 1
    with_part, bare = recompute(later, policy, part_of(living)), recompute(later, policy, None)
    assert later.probabilities.tolist() == with_part.probabilities.tolist() != bare.probabilities.tolist()
