"""One answer: chosen by the policy, durable first, kept open, silent by rule, degraded by name."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from data_contracts.answers import Recommendation
from data_contracts.decisions import Decision, Trigger, pack, unpack
from data_contracts.errors import ErasedPerson
from data_contracts.features import FEATURES, Source
from data_contracts.identifiers import PersonId, from_us, to_us
from data_contracts.rewards import ReactionKind
from infra.database.all_tables import DecisionRow
from infra.database.decisions import reactions
from infra.database.people import consents, people
from infra.vault import Vault
from serving.candidates.subjects import SOURCE_BIT
from serving.recommend import recommender
from serving.recommend.local_time import next_point_us
from serving.recommend.recommender import TOGETHER
from serving.recommend.sealed_tip import open_words
from tests.serving.conftest import afternoon
from tests.serving.world import World, world


def test_a_tip_after_an_import_is_durable_with_exact_propensities(living: World) -> None:
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
    living.reaction_handler.react(living.person, first.decision_id, ReactionKind.DONE, "k1")
    living.now = living.now.replace(second=30)
    assert (living.ask().tip, living.ask().reason) == (None, "resting")


def test_a_chosen_silence_holds_until_the_next_quarter_hour(living: World) -> None:
    """Until the last second before it asking repeats the decision, and from then on the silence is held no more."""
    silence = living.ask_until_silence()
    living.now = from_us(next_point_us(to_us(living.now))) - timedelta(seconds=1)
    held = living.ask()
    assert (held.tip, held.decision_id, held.repeated, held.reason) == (None, silence, True, "silence_holds")
    living.pass_time(seconds=1)
    assert living.ask().decision_id != silence


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


def test_the_budget_bounds_interruptions_and_opening_the_page_is_free(living: World) -> None:
    """A budget of zero refuses the unsolicited tip by name, and is no reason against an opened page."""
    with living.database.unit_of_work() as uow:
        people.set_preferences(uow, person=living.person, budget=0)
        uow.commit()
    assert living.ask(Trigger.UNSOLICITED).reason == "budget_spent"
    assert living.ask(Trigger.OPEN).reason != "budget_spent"


def test_a_blocked_cluster_is_not_chosen_and_ends_an_active_tip(living: World) -> None:
    """A block ends the active tip, and a decision made after it counts the cluster as refused and scores none of it."""
    first = living.ask_until_tip()
    assert first.decision_id is not None
    cluster = living.record(first.decision_id).chosen_ref.cluster
    with living.database.unit_of_work() as uow:
        reactions.block(uow, person=living.person, cluster=cluster, until_us=to_us(living.now) + 86_400_000_000)
        uow.commit()
    again = living.ask()
    assert again.decision_id is not None
    assert again.decision_id != first.decision_id
    record = living.record(again.decision_id)
    assert cluster not in {each.cluster for each in record.candidates}
    assert record.ineligible["cluster_blocked"] > 0


def withdraw(living: World, *sources: Source) -> None:
    """Take consents of the person back."""
    with living.database.unit_of_work() as uow:
        for source in sources:
            consents.change(
                uow,
                person=living.person,
                signal=source,
                granted=False,
                at_us=to_us(living.now),
                surface="test",
                event_id=f"withdraw-{source}",
            )
        uow.commit()


def test_a_withdrawn_consent_holds_at_the_next_request(living: World) -> None:
    """Asked again for the same instant there are no subjects, and every feature of what was withdrawn is masked."""
    withdrawn = (Source.TASKS, Source.HABITS, Source.MOOD)
    places = [place for place, feature in enumerate(FEATURES) if feature.source in withdrawn]
    living.ask()
    before = take_back(living)
    assert any(each.subject for each in before.candidates)
    assert not before.masked[places].any()
    withdraw(living, *withdrawn)
    living.ask()
    after = take_back(living)
    assert len(after.candidates) > 1
    assert not any(each.subject for each in after.candidates)
    assert after.masked[places].all()


def test_an_open_tip_about_what_was_withdrawn_ends_at_the_next_request(living: World) -> None:
    """Neither its words nor its decision come again, and with the consent of another source it would have stayed."""
    active_tip = living.ask_until_subject()
    withdraw(living, Source.MOOD)
    kept = living.ask()
    assert (kept.decision_id, kept.reason) == (active_tip, "open_tip")
    assert kept.tip is not None
    withdraw(living, Source.TASKS, Source.HABITS)
    answer = living.ask()
    assert answer.decision_id != active_tip
    assert answer.tip is None or answer.tip.text != kept.tip.text


def test_an_active_tip_of_the_calendar_ends_with_that_consent(living: World) -> None:
    """Its subject is still known, and yet neither its decision nor its words come again."""
    for _ in range(60):
        decision = living.ask_until_tip().decision_id
        assert decision is not None
        box = living.row(decision).text_box
        assert box is not None
        words = open_words(living.vault, living.person, decision, box)
        if words.needs >> SOURCE_BIT[Source.CALENDAR] & 1:
            break
        living.reaction_handler.react(living.person, decision, ReactionKind.NOT_NOW, living.event_id())
        living.pass_time(minutes=15)
    assert words.needs >> SOURCE_BIT[Source.CALENDAR] & 1
    withdraw(living, Source.CALENDAR)
    answer = living.ask()
    assert answer.decision_id != decision
    assert answer.tip is None or answer.tip.text != words.text


def test_without_a_champion_the_answer_is_a_named_fallback_and_logged(
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


def test_a_person_who_is_being_erased_gets_no_answer(living: World) -> None:
    """From the moment that the erasure begins, asking is `ErasedPerson`."""
    with living.database.unit_of_work() as uow:
        people.get(uow.session, living.person).erasing = True
        uow.commit()
    with pytest.raises(ErasedPerson):
        living.ask()


def test_requests_of_one_person_that_come_together_get_one_decision(living: World) -> None:
    """Of eight questions on one loop one makes a decision, and seven repeat it."""

    async def all_at_once() -> list[Recommendation]:
        return await asyncio.gather(*(living.recommender.recommend(living.person, Trigger.OPEN) for _ in range(8)))

    answers = asyncio.run(all_at_once())
    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 7
    assert {answer.decision_id for answer in answers} == {logged(living).id}


def test_requests_are_decided_in_bounded_groups_in_their_order(living: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a crowd, `TOGETHER` are read before the first of them is answered, and all are answered in their order."""
    seen: list[str] = []

    def answered(found: str, _vault: Vault) -> Recommendation:
        seen.append(f"answered {found}")
        return Recommendation(None, None, found)

    def read(person: PersonId, *_: object) -> str:
        seen.append(f"read {person}")
        return person

    monkeypatch.setattr(living.reader, "read", read)
    monkeypatch.setattr(recommender, "without_deciding", answered)
    crowd = [PersonId(f"{number:04}") for number in range(5 * TOGETHER)]

    async def all_at_once() -> None:
        await asyncio.gather(*(living.recommender.recommend(person, Trigger.OPEN) for person in crowd))

    asyncio.run(all_at_once())
    assert seen[: TOGETHER + 1] == [*(f"read {person}" for person in crowd[:TOGETHER]), f"answered {crowd[0]}"]
    assert [entry for entry in seen if entry.startswith("answered")] == [f"answered {person}" for person in crowd]


def test_the_loop_and_the_thread_give_the_same_decision_for_the_same_seed(living: World) -> None:
    """What both log for the same instant, data and seed differs in the id only, bit for bit."""
    for seed in (1, 99, 12_345):
        living.seeds = itertools.repeat(seed)
        in_thread = living.recommender.recommend_now(living.person, Trigger.OPEN)
        first = take_back(living)
        on_loop = asyncio.run(living.recommender.recommend(living.person, Trigger.OPEN))
        second = take_back(living)
        assert (in_thread.decision_id, on_loop.decision_id) == (first.id, second.id)
        assert (first.seed, second.seed) == (seed, seed)
        assert pack(replace(first, id=second.id)) == pack(second)
        assert in_thread.tip == on_loop.tip


def logged(living: World) -> Decision:
    """Return the one decision that was ever logged."""
    with living.database.read() as session:
        return unpack(session.scalars(select(DecisionRow.record)).one())


def take_back(living: World) -> Decision:
    """Return the one decision that was ever logged, and make it unmade."""
    decision = logged(living)
    with living.database.unit_of_work() as uow:
        uow.session.execute(delete(DecisionRow))
        uow.commit()
    return decision
