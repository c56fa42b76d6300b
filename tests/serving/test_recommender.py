"""One answer: chosen by the policy, durable first, kept open, silent by rule, degraded by name."""

import asyncio

import numpy as np
import pytest

from data_contracts.decisions import Trigger
from data_contracts.errors import ErasedPerson, NotFound, Unauthenticated
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, to_us
from data_contracts.reactions import ReactionKind
from infra.database import consents, people, reactions
from serving.local_time import decision_point_us
from tests.serving.conftest import afternoon
from tests.serving.world import World, world


def test_a_person_who_has_just_imported_gets_a_tip_that_is_durable_with_exact_propensities(living: World) -> None:
    """The stored record names tip and policy, its probabilities sum to one, and the words are sealed beside it."""
    answer = living.ask_until_tip()
    assert answer.decision_id is not None
    record = living.record(answer.decision_id)
    assert answer.tip is not None
    assert len(answer.tip.text) <= 90
    assert abs(record.probabilities.sum() - 1.0) < 1e-9
    assert record.candidates[record.chosen].id == answer.tip.id
    assert record.policy_digest == living.champion.held.digest
    assert record.mu.size == record.sigma.size == len(record.candidates)
    assert living.row(answer.decision_id).text_box is not None


def test_an_open_tip_is_returned_unchanged_until_it_is_answered(living: World) -> None:
    """Asking again repeats the tip and its decision, and after the answer the person is left to rest."""
    first = living.ask_until_tip()
    assert first.tip is not None
    again = living.ask()
    assert again.tip == first.tip
    assert (again.decision_id, again.repeated, again.reason) == (first.decision_id, True, "open_tip")
    assert first.decision_id is not None
    living.desk.react(living.person, first.decision_id, ReactionKind.DONE, "k1")
    living.now = living.now.replace(second=30)
    assert (living.ask().tip, living.ask().reason) == (None, "resting")


def test_a_chosen_silence_holds_until_the_next_quarter_hour(living: World) -> None:
    """Until then asking repeats the decision, and from then on the held silence is no longer the reason."""
    for _ in range(60):
        answer = living.ask()
        if answer.reason == "not_worth_it":
            break
        if answer.decision_id is not None and answer.tip is not None:
            living.desk.react(living.person, answer.decision_id, ReactionKind.NOT_NOW, living.event_id())
        living.pass_time(minutes=15)
    assert answer.reason == "not_worth_it"
    held = living.ask()
    assert (held.decision_id, held.repeated, held.reason) == (answer.decision_id, True, "silence_holds")
    before = decision_point_us(to_us(living.now))
    living.pass_time(minutes=15)
    assert decision_point_us(to_us(living.now)) > before
    assert living.ask().reason != "silence_holds"


@pytest.mark.parametrize(
    ("face", "reason"),
    [
        ("15:00", "in_event"),
        ("15:04", "in_event"),
        ("15:58", "in_event"),
        ("22:30", "quiet_hours"),
        ("07:59", "quiet_hours"),
    ],
)
def test_rules_silence_before_any_policy(living: World, face: str, reason: str) -> None:
    """In an event and in quiet hours the answer is the rule's name, and no decision is made."""
    hour, minute = map(int, face.split(":"))
    living.now = living.life.at.replace(hour=hour, minute=minute, tzinfo=living.life.zone)
    answer = living.ask()
    assert (answer.tip, answer.decision_id, answer.reason) == (None, None, reason)


def test_the_budget_bounds_what_nobody_asked_for_and_opening_the_page_stays_free(living: World) -> None:
    """A budget of zero refuses the unsolicited tip by name, and is no reason against an opened page."""
    with living.database.unit_of_work() as uow:
        people.set_preferences(uow, person=living.person, budget=0)
        uow.commit()
    assert living.ask(Trigger.UNSOLICITED).reason == "budget_spent"
    assert living.ask(Trigger.OPEN).reason != "budget_spent"


def test_a_blocked_cluster_is_not_chosen_and_ends_an_open_tip(living: World) -> None:
    """A block ends the open tip, and a decision made after it counts the cluster as refused and scores none of it."""
    first = living.ask_until_tip()
    assert first.decision_id is not None
    cluster = living.record(first.decision_id).chosen_ref.cluster
    with living.database.unit_of_work() as uow:
        reactions.block(uow, person=living.person, cluster=cluster, until_us=to_us(living.now) + 86_400_000_000)
        uow.commit()
    again = living.ask()
    assert again.decision_id != first.decision_id
    if again.decision_id is not None:
        record = living.record(again.decision_id)
        assert cluster not in {each.cluster for each in record.candidates}
        assert record.ineligible["cluster_blocked"] > 0


def test_a_withdrawn_consent_holds_at_the_next_request(living: World) -> None:
    """The next tip does not speak of the report, and a new decision has no subjects and most features masked."""
    first = living.ask_until_tip()
    for number, source in enumerate((Source.TASKS, Source.HABITS, Source.CALENDAR, Source.MOOD, Source.CONTEXT)):
        with living.database.unit_of_work() as uow:
            consents.change(
                uow,
                person=living.person,
                signal=source,
                granted=False,
                at_us=to_us(living.now),
                surface="test",
                event_id=f"withdraw-{number}",
            )
            uow.commit()
    answer = living.ask()
    if answer.decision_id is not None and answer.decision_id != first.decision_id:
        record = living.record(answer.decision_id)
        assert all(each.subject is None for each in record.candidates)
        assert record.masked[:40].sum() >= 34
    assert answer.tip is None or "report" not in answer.tip.text


def test_without_a_champion_the_answer_is_named_counted_and_still_logged_with_its_propensity(
    home: "object", database: "object", person: PersonId
) -> None:
    """Without a policy the fallback is in the answer, the record and the count, and its probabilities sum to one."""
    with world(home, database, person, afternoon(), policy=False) as bare:  # type: ignore[arg-type]  # fixtures by name
        answer = bare.ask()
        assert answer.fallback == "no_champion"
        assert answer.decision_id is not None
        record = bare.record(answer.decision_id)
        assert record.probabilities.sum() == pytest.approx(1.0, abs=1e-12)
        assert record.fallback == "no_champion"
        assert bare.recommender.counts.snapshot()["no_champion"] == 1


def test_a_revoked_session_and_an_unknown_person_are_refused(living: World) -> None:
    """Another session epoch, an unknown person and one who is being erased each get their own error."""
    with pytest.raises(Unauthenticated):
        living.recommender.recommend_now(living.person, Trigger.OPEN, session_epoch=7)
    with pytest.raises(NotFound):
        living.recommender.recommend_now(PersonId("ff" * 16), Trigger.OPEN)
    with living.database.unit_of_work() as uow:
        people.get(uow.session, living.person).erasing = True
        uow.commit()
    with pytest.raises(ErasedPerson):
        living.ask()


def test_requests_of_one_person_that_come_together_get_one_decision(living: World) -> None:
    """Eight questions on one loop have one decision between them."""

    async def all_at_once() -> set[object]:
        asked = (living.recommender.recommend(living.person, Trigger.OPEN) for _ in range(8))
        return {answer.decision_id for answer in await asyncio.gather(*asked)}

    assert len(asyncio.run(all_at_once())) == 1


def test_the_loop_and_the_thread_give_the_same_decision_for_the_same_seed(living: World) -> None:
    """Deciding twice from the same reads and seed names the same template; neither loop nor thread is entered."""
    seen = living.reader.read(living.person, Trigger.OPEN, to_us(living.now))
    made = living.recommender.pool_of(seen)
    decided = []
    for _ in range(2):
        living.recommender._new_seed = lambda: 99
        row = living.recommender.decide(seen, made).row
        assert row is not None
        decided.append(row)
    assert decided[0].template == decided[1].template
    assert np.array_equal(decided[0].at_us, decided[1].at_us)
