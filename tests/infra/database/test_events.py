"""Laws of taking events in."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from data_contracts.errors import ConsentMissing, ErasedPerson, Malformed, NotFound
from data_contracts.events.codec import Event
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, new_person
from data_contracts.state_rows import StoredRow
from infra.database.all_tables import PersonRow
from infra.database.engine.database import Database, open_database
from infra.database.events import events, mirror_log, outbox, quarantine, working_state
from infra.database.events.working_state import FoldHead
from infra.database.maintenance import erasure
from infra.database.people import consents, people
from infra.keys.audit_key import AuditKey
from tests.infra.database.rows import add_person, mood


@pytest.fixture
def member(database: Database, person: PersonId) -> PersonId:
    """Return a person who consents to mood."""
    return add_person(database, person, granted=(Source.MOOD,))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 6), max_size=6), max_size=6))
def test_taking_in_is_idempotent_for_any_batches(database: Database, batches: list[list[int]]) -> None:
    """However events are repeated within and across batches, each is accepted once, at its first place."""
    person = new_person()
    add_person(database, person, name=person, granted=(Source.MOOD,))
    accepted: list[str] = []
    for batch in batches:
        with database.unit_of_work() as uow:
            verdicts = events.append(uow, [mood(person, str(number)) for number in batch])
            uow.commit()
        accepted += [str(number) for number, verdict in zip(batch, verdicts, strict=True) if verdict == "accepted"]
    flat = [str(number) for batch in batches for number in batch]
    assert accepted == list(dict.fromkeys(flat))
    with database.read() as session:
        stored = events.after(session, person, 0, 1_000)
    assert [each.event.id for each in stored][1:] == accepted
    assert [each.sequence for each in stored] == sorted(each.sequence for each in stored)


@pytest.mark.parametrize("missing", ["id", "person"])
def test_an_event_without_id_or_person_is_refused_with_its_batch(
    database: Database, member: PersonId, missing: Literal["id", "person"]
) -> None:
    """Nothing of the batch is taken in: nobody's event, or one that could never be told from another."""
    nobodys = mood(member, "1")
    nobodys.ClearField(missing)
    with database.unit_of_work() as uow:
        with pytest.raises(Malformed, match="an id and a person"):
            events.append(uow, [mood(member, "2"), nobodys])
        uow.commit()
    with database.read() as session:
        assert [each.event.WhichOneof("body") for each in events.after(session, member, 0, 10)] == ["consent_changed"]


def test_a_batch_of_more_ids_than_one_question_may_hold_is_known_whole(database: Database, member: PersonId) -> None:
    """Of 1,101 events every one is recognised when they come again, whatever question it was asked in."""
    batch = [mood(member, f"{number}") for number in range(1_101)]
    with database.unit_of_work() as uow:
        assert set(events.append(uow, batch)) == {"accepted"}
        assert set(events.append(uow, batch)) == {"duplicate"}
        assert events.append(uow, [*batch[::-1], mood(member, "new")])[-1] == "accepted"


def test_an_event_is_kept_with_every_column(database: Database, member: PersonId) -> None:
    """Its id, person, kind, times and source are columns, it is not yet in the mirror, and its body is whole."""
    event = mood(member, "1", at_us=7, value=4)
    event.received_us, event.source = 9, "slider"
    with database.unit_of_work() as uow:
        events.append(uow, [event])
        uow.commit()
    statement = text("SELECT id, person, kind, at_us, received_us, source, published_us FROM events WHERE id = '1'")
    with database.read() as session:
        assert tuple(session.execute(statement).one()) == ("1", member, "mood_reported", 7, 9, "slider", None)
        assert events.after(session, member, 0, 10)[-1].event == event


def test_each_person_is_admitted_once_with_their_own_events(database: Database, member: PersonId) -> None:
    """In the order of their pseudonyms, locked, and with nobody else's; a refusal keeps everybody's events out."""
    other = add_person(database, PersonId("0" * 32), name="other", granted=(Source.MOOD,))
    seen: list[tuple[str, list[str]]] = []

    def admit(row: PersonRow, theirs: Sequence[Event]) -> None:
        seen.append((row.person, [event.id for event in theirs]))
        if row.person == max(member, other):
            raise ConsentMissing("mood")

    with database.unit_of_work() as uow:
        with pytest.raises(ConsentMissing):
            uow.record_all([mood(member, "1"), mood(other, "2"), mood(member, "3")], admit)
        uow.commit()
    by_person = {member: ["1", "3"], other: ["2"]}
    assert seen == [(person, by_person[person]) for person in sorted(by_person)]
    with database.read() as session:
        assert [len(events.after(session, person, 0, 10)) for person in (member, other)] == [1, 1]


def test_an_id_that_an_older_event_bears_in_clear_is_known(database: Database, member: PersonId) -> None:
    """As long as the person has such events: by the id that the caller chose, and by no other."""
    with database.unit_of_work() as uow:
        events.append(uow, [mood(member, "chosen"), mood(member, "free")])
        people.get(uow.session, member).clear_ids = True
        uow.commit()
    hashed = [mood(member, "hash-1"), mood(member, "hash-2"), mood(member, "hash-3")]
    claimed = {"hash-1": "chosen", "hash-2": "new"}
    with database.unit_of_work() as uow:
        assert uow.record_all(hashed, claimed=claimed) == ["duplicate", "accepted", "accepted"]
        assert uow.record_all([mood(member, "hash-2")], claimed=claimed) == ["duplicate"]
        assert uow.record_all([mood(member, "hash-2")]) == ["duplicate"]
    with database.unit_of_work() as uow:
        people.get(uow.session, member).clear_ids = False
        assert uow.record_all(hashed[:1], claimed=claimed) == ["accepted"]
        assert uow.record_all(hashed[:1]) == ["duplicate"]


def test_a_stranger_is_told_from_somebody_who_was_erased(sqlite_path: Path, person: PersonId) -> None:
    """Nobody's events are refused, with or without tombstones; those of who is leaving or has left, as erased."""
    without = open_database(sqlite_path, audit_key=AuditKey(sqlite_path.parent / "keys"))
    with without.unit_of_work() as uow, pytest.raises(NotFound, match="no such person"):
        outbox.lock_person(uow.session, person, None)
    with without.unit_of_work() as uow, pytest.raises(NotFound, match="no such person"):
        outbox.lock_person(uow.session, person, lambda each: f"hmac-{each}")
    add_person(without, person)
    add_person(without, PersonId("0" * 32), name="other")
    with without.unit_of_work() as uow:
        assert outbox.lock_person(uow.session, person, None).person == person
        people.get(uow.session, person).erasing = True
        with pytest.raises(ErasedPerson):
            outbox.lock_person(uow.session, person, None)
    without.close()


def test_the_same_id_of_two_people_is_two_events(database: Database, member: PersonId) -> None:
    """Idempotency is per person: nobody can occupy another's ids."""
    other = add_person(database, PersonId("0" * 32), name="other", granted=(Source.MOOD,))
    with database.unit_of_work() as uow:
        assert events.append(uow, [mood(member, "1"), mood(other, "1")]) == ["accepted", "accepted"]


def test_a_signal_without_consent_is_refused_as_a_whole(database: Database, member: PersonId) -> None:
    """After a withdrawal nothing of the signal comes in, from the first byte on."""
    with database.unit_of_work() as uow:
        consents.change(
            uow, person=member, signal=Source.MOOD, granted=False, at_us=2, surface="test", event_id="withdrawn"
        )
        with pytest.raises(ConsentMissing, match="mood"):
            events.append(uow, [mood(member, "1")])
        uow.commit()
    with database.read() as session:
        assert [each.event.WhichOneof("body") for each in events.after(session, member, 0, 10)] == [
            "consent_changed"
        ] * 2


def test_an_erased_person_is_refused_by_their_tombstone(sqlite_path: Path, person: PersonId) -> None:
    """A late event about an erased person is told from one about a stranger."""
    database = open_database(
        sqlite_path, tombstone=lambda each: f"hmac-{each}", audit_key=AuditKey(sqlite_path.parent / "keys")
    )
    add_person(database, person)
    with database.unit_of_work() as uow:
        erasure.delete_rows(uow, person, tombstone=f"hmac-{person}", at_us=5)
        uow.commit()
    with database.unit_of_work() as uow, pytest.raises(ErasedPerson):
        events.append(uow, [mood(person, "1")])
    with pytest.raises(ErasedPerson):
        add_person(database, person)
    database.close()


def test_a_consented_signal_is_read_by_event_time(database: Database, member: PersonId) -> None:
    """Late events fall into their place."""
    with database.unit_of_work() as uow:
        events.append(uow, [mood(member, "late", 30), mood(member, "early", 20), mood(member, "out", 40)])
        uow.commit()
    with database.read() as session:
        consented = consents.require(session, member, Source.MOOD)
        assert [each.event.id for each in events.of_signal(session, consented, 20, 40)] == ["early", "late"]


def test_the_relay_marks_what_was_mirrored(database: Database, member: PersonId) -> None:
    """Marked events are not offered again, and the first mark stays."""
    with database.unit_of_work() as uow:
        events.append(uow, [mood(member, "1"), mood(member, "2")])
        first = mirror_log.waiting(uow.session, 10)[0]
        mirror_log.mark(uow, {first.sequence: 1}, at_us=5)
        uow.commit()
    with database.read() as session:
        assert [each.id for each in mirror_log.waiting(session, 10)] == ["1", "2"]
        assert events.after(session, member, 0, 10)[-1].sequence == mirror_log.waiting(session, 10)[-1].sequence


def test_a_fold_that_lags_is_found(database: Database, member: PersonId) -> None:
    """Whoever has events behind the head of their fold is named; the head never goes back."""
    with database.unit_of_work() as uow:
        last = events.after(uow.session, member, 0, 10)[-1].sequence
        assert events.behind(uow.session) == [member]
        working_state.set_heads(uow, {member: FoldHead(last, 5)})
        assert events.behind(uow.session) == []
        working_state.set_heads(uow, {member: FoldHead(last - 1, 9)})
        assert working_state.head(uow.session, member) == FoldHead(last, 5)


def test_what_no_fold_has_read_is_counted_with_its_age(database: Database, member: PersonId) -> None:
    """Until the head reaches the end, and never for somebody who is leaving."""
    with database.unit_of_work() as uow:
        events.append(uow, [mood(member, str(number)) for number in range(3)])
        uow.commit()
    with database.unit_of_work() as uow:
        everything = events.unread(uow.session)
        last = events.after(uow.session, member, 0, 10)[-1].sequence
        working_state.set_heads(uow, {member: FoldHead(last - 1, 1)})
        one_left = events.unread(uow.session)
        working_state.set_heads(uow, {member: FoldHead(last, 1)})
        assert events.unread(uow.session) == (0, 0)
    assert (everything.events, one_left.events) == (4, 1)
    assert one_left.oldest_us > 0


def test_working_rows_are_replaced_and_forgotten_by_key(database: Database, member: PersonId) -> None:
    """A row is known by (source, key)."""
    old, new = StoredRow("mood", "a", 1, "e1", b"old"), StoredRow("mood", "a", 2, "e2", b"new")
    other = StoredRow("tasks", "a", 1, "e3", b"task")
    with database.unit_of_work() as uow:
        working_state.lock(uow, member)
        working_state.save(uow, [(member, old), (member, other)])
        working_state.save(uow, [(member, new)])
        assert working_state.load(uow.session, member) == [new, other]
        working_state.forget_rows(uow, [(member, "mood", key) for key in ("a", *map(str, range(900)))])
        assert working_state.load(uow.session, member) == [other]


def test_a_refused_row_is_kept_once(database: Database, member: PersonId) -> None:
    """Importing the same broken file twice does not fill the quarantine."""
    with database.unit_of_work() as uow:
        kept = [
            quarantine.add(
                uow,
                row_id="q1",
                person=member,
                source="ics",
                rule="naive_time",
                received_us=1,
                box=b"box",
                file="a.ics",
                line=3,
            )
            for _ in range(2)
        ]
        assert kept == [True, False]
        assert [row.rule for row in quarantine.list_for(uow.session, member)] == ["naive_time"]
        assert [(row.file, row.line) for row in quarantine.list_for(uow.session, member)] == [("a.ics", 3)]
