"""Laws of what follows a decision."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from data_contracts.errors import Conflict, NotFound
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, PolicyDigest, ReactionId, new_person
from data_contracts.rewards import Outcome, ReactionKind
from infra.database.all_tables import ReactionRow
from infra.database.decisions import decisions, person_posteriors, reactions
from infra.database.decisions.person_posteriors import StoredPosterior
from infra.database.engine.database import Database
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.policies import shadow
from infra.database.policies.shadow import ShadowDecision
from tests.infra.database.rows import DIGEST, add_person, blocks_of, decision, write

TIP, SILENCE = DecisionId("tip"), DecisionId("silence")


@pytest.fixture
def member(database: Database, person: PersonId) -> PersonId:
    """Return a person with a tip at 100 and a silence at 200."""
    add_person(database, person)
    write(database, decision(person, TIP, 100, subject="s"), decision(person, SILENCE, 200, silent=True))
    return person


def _react(
    uow: UnitOfWork, person: PersonId, key: str, kind: ReactionKind = ReactionKind.DONE, tip: DecisionId = TIP
) -> reactions.Inserted:
    return reactions.insert(
        uow,
        reaction=ReactionId(f"{person}-{key}"),
        decision=tip,
        person=person,
        kind=kind,
        at_us=150,
        reward=1.0,
        idempotency_key=key,
    )


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.lists(st.sampled_from("abc"), max_size=8))
def test_a_reaction_is_applied_once_per_key(database: Database, keys: list[str]) -> None:
    """However often a key comes, in one transaction or many, it stands for its first reaction."""
    person = add_person(database, new := new_person(), name=new)
    write(database, decision(person, tip := DecisionId(new)))
    seen: set[str] = set()
    for key in keys:
        with database.unit_of_work() as uow:
            inserted = _react(uow, person, key, tip=tip)
            uow.commit()
        assert inserted.fresh == (key not in seen)
        assert inserted.row.id == f"{person}-{key}"
        seen.add(key)
    with database.read() as session:
        stored = session.scalars(select(ReactionRow.idempotency_key).where(ReactionRow.decision == tip))
        assert sorted(stored) == sorted(seen)


def test_a_key_stands_for_one_answer(database: Database, member: PersonId) -> None:
    """The same key for another kind is a conflict, not a silent first answer."""
    with database.unit_of_work() as uow:
        _react(uow, member, "a")
        with pytest.raises(Conflict):
            _react(uow, member, "a", ReactionKind.NOT_NOW)


def test_an_undone_reaction_stands_no_more(database: Database, member: PersonId) -> None:
    """It can be taken back once, and only by its owner."""
    with database.unit_of_work() as uow:
        row = _react(uow, member, "a").row
        assert not reactions.undo(uow, person=new_person(), reaction=row.id, at_us=151)
        standing = reactions.standing(uow.session, member, TIP)
        assert standing is not None
        assert standing.id == row.id
        assert reactions.undo(uow, person=member, reaction=row.id, at_us=151)
        assert not reactions.undo(uow, person=member, reaction=row.id, at_us=152)
        assert reactions.standing(uow.session, member, TIP) is None


def test_only_the_first_showing_counts_and_only_of_a_tip(database: Database, member: PersonId) -> None:
    """A silence and another person's tip cannot be shown."""
    with database.unit_of_work() as uow:
        assert decisions.mark_shown(uow, person=member, decision=TIP, at_us=110)
        assert not decisions.mark_shown(uow, person=member, decision=TIP, at_us=120)
        assert decisions.get(uow.session, member, TIP).shown_us == 110
        for person, name in ((member, SILENCE), (new_person(), TIP), (member, DecisionId("none"))):
            with pytest.raises(NotFound):
                decisions.mark_shown(uow, person=person, decision=name, at_us=130)


def test_a_shown_tip_without_answer_is_due_when_its_window_has_passed(database: Database, member: PersonId) -> None:
    """What was not shown never settles; what has an outcome is not due; a late answer corrects the default."""
    with database.unit_of_work() as uow:
        assert decisions.due_to_settle(uow.session, shown_before_us=10_000, limit=9) == []
        decisions.mark_shown(uow, person=member, decision=TIP, at_us=110)
        assert decisions.due_to_settle(uow.session, shown_before_us=109, limit=9) == []
        assert [row.id for row in decisions.due_to_settle(uow.session, shown_before_us=110, limit=9)] == [TIP]
        ignored = {"person": member, "decision": TIP, "outcome": Outcome.IGNORED, "reward": 0.2, "at_us": 500}
        assert decisions.set_outcome(uow, **ignored)  # type: ignore[arg-type] # one row of values
        assert decisions.due_to_settle(uow.session, shown_before_us=110, limit=9) == []
        late = {"person": member, "decision": TIP, "outcome": Outcome.DONE, "reward": 1.0, "at_us": 600}
        assert decisions.set_outcome(uow, **late)  # type: ignore[arg-type] # as above
        row = decisions.get(uow.session, member, TIP)
        assert (row.outcome, row.reward, row.reward_version, row.rewarded_us) == ("done", 1.0, 1, 600)


def test_shown_tips_about_a_subject_are_found_inside_the_window(database: Database, member: PersonId) -> None:
    """A completion signal finds the tip that it answers."""
    with database.unit_of_work() as uow:
        decisions.mark_shown(uow, person=member, decision=TIP, at_us=110)
        about = [
            decisions.open_tips_about(uow.session, person=member, subject=subject, shown_since_us=since_us)
            for subject, since_us in (("s", 110), ("s", 111), ("t", 110))
        ]
        assert [[row.id for row in rows] for rows in about] == [[TIP], [], []]


def test_a_tip_closes_once_and_opens_again(database: Database, member: PersonId) -> None:
    """Closing keeps the first time; undoing opens."""
    with database.unit_of_work() as uow:
        close = {"person": member, "decision": TIP}
        assert decisions.close(uow, **close, at_us=150, by="reaction")  # type: ignore[arg-type] # one row of values
        assert not decisions.close(uow, **close, at_us=160, by="expiry")  # type: ignore[arg-type] # as above
        assert decisions.get(uow.session, member, TIP).closed_by == "reaction"
        assert decisions.close(uow, **close, at_us=None, by=None)  # type: ignore[arg-type] # as above
        assert decisions.get(uow.session, member, TIP).closed_us is None


def test_a_block_is_never_shortened_and_leaves_with_its_decision(database: Database, member: PersonId) -> None:
    """The longest silence of a cluster stands until its reaction is taken back."""
    cluster = ClusterId("rest.break")
    with database.unit_of_work() as uow:
        reactions.block(uow, person=member, cluster=cluster, until_us=900, decision=TIP)
        reactions.block(uow, person=member, cluster=cluster, until_us=300, decision=SILENCE)
        assert blocks_of(uow.session, member) == {cluster: 900}
        reactions.unblock(uow, person=member, decision=TIP)
        assert blocks_of(uow.session, member) == {}


def test_a_part_is_replaced_only_by_a_newer_version(database: Database, member: PersonId) -> None:
    """Of two learners the one with more versions wins, in any order."""
    old, new = StoredPosterior(1, 5, "a", b"old"), StoredPosterior(2, 6, "b", b"new")
    with database.unit_of_work() as uow:
        saved = [
            person_posteriors.save(uow, person=member, digest=DIGEST, part=part, updated_us=7)
            for part in (old, new, old)
        ]
        assert saved == [True, True, False]
        assert person_posteriors.find(uow.session, member, DIGEST) == new
        assert person_posteriors.find(uow.session, member, PolicyDigest("0" * 64)) is None


def test_training_reads_what_was_rewarded_or_silent_page_by_page(database: Database, member: PersonId) -> None:
    """A tip without a reward is not evidence."""
    with database.unit_of_work() as uow:
        page = decisions.settled_between(uow.session, since_us=0, until_us=1_000, limit=9)
        assert [row.id for row in page] == [SILENCE]
        decisions.set_outcome(uow, person=member, decision=TIP, outcome=Outcome.DONE, reward=1.0, at_us=500)
        first = decisions.settled_between(uow.session, since_us=0, until_us=1_000, limit=1)
        second = decisions.settled_between(uow.session, since_us=0, until_us=1_000, limit=9, after_id=first[0].id)
        assert [row.id for row in (*first, *second)] == [SILENCE, TIP]


def test_a_view_of_a_challenger_is_kept_once(database: Database, member: PersonId) -> None:
    """Shadowing the same decision again changes nothing."""
    view = ShadowDecision(TIP, DIGEST, b"mu", b"sigma", b"p")
    with database.unit_of_work() as uow:
        shadow.record(uow, [view])
        shadow.record(uow, [view._replace(mu=b"other")])
        assert shadow.of_policy(uow.session, DIGEST, limit=9) == [view]
        assert member
