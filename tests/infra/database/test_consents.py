"""Laws of consent."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts.errors import ConsentMissing, Malformed
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId, SubjectKey, new_person
from infra.database.engine.database import Database
from infra.database.events import events
from infra.database.maintenance import erasure
from infra.database.people import consents, people, texts
from infra.database.people.consents import Consented
from infra.database.people.texts import TEXT_US
from tests.infra.database.rows import add_person


def _change(database: Database, person: PersonId, signal: Source, granted: bool, event_id: str) -> bool:
    with database.unit_of_work() as uow:
        changed = consents.change(
            uow, person=person, signal=signal, granted=granted, at_us=5, surface="test", event_id=event_id
        )
        uow.commit()
    return changed


def test_nothing_is_granted_at_first(database: Database, person: PersonId) -> None:
    """Without a word there is no consent, and none for a stranger."""
    with database.read() as session, pytest.raises(ConsentMissing):
        consents.require(session, person, Source.MOOD)
    add_person(database, person)
    with database.read() as session:
        assert consents.granted(session, person) == ()
        assert not any(consents.state(session, person).values())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.sampled_from(CONSENT_SIGNALS), st.booleans()), max_size=8))
def test_the_mask_is_the_last_word_on_each_signal(database: Database, changes: list[tuple[Source, bool]]) -> None:
    """Record, mask, epoch and event agree after any changes of mind."""
    person = new_person()
    add_person(database, person, name=person)
    wanted = dict.fromkeys(CONSENT_SIGNALS, False)
    effective = 0
    for number, (signal, granted) in enumerate(changes):
        changed = _change(database, person, signal, granted, str(number))
        assert changed == (wanted[signal] != granted)
        effective += changed
        wanted[signal] = granted
    with database.read() as session:
        assert consents.state(session, person) == wanted
        assert people.get(session, person).consent_epoch == effective
        assert len(consents.history(session, person)) == len(changes)
        assert len(events.after(session, person, 0, 100)) == effective


def test_the_same_change_again_changes_nothing(database: Database, person: PersonId) -> None:
    """A repeated request is known by its id, even when the state has moved on since."""
    add_person(database, person)
    assert _change(database, person, Source.MOOD, True, "1")
    assert _change(database, person, Source.MOOD, False, "2")
    assert not _change(database, person, Source.MOOD, True, "1")
    with database.read() as session, pytest.raises(ConsentMissing):
        consents.require(session, person, Source.MOOD)


def test_a_capability_cannot_be_made_elsewhere(person: PersonId) -> None:
    """Whoever builds one by hand is told where it comes from."""
    with pytest.raises(TypeError, match=r"consents\.require"):
        Consented(person, Source.MOOD, object())
    with pytest.raises(TypeError):
        Consented(person, Source.MOOD)  # type: ignore[call-arg] # this is the law


def test_the_clock_needs_no_consent(database: Database, person: PersonId) -> None:
    """What is no personal fact cannot be granted."""
    add_person(database, person)
    with pytest.raises(Malformed):
        _change(database, person, Source.CLOCK, True, "1")


def test_who_is_being_erased_has_no_consents(database: Database, person: PersonId) -> None:
    """Reads stop with the first step of an erasure."""
    add_person(database, person, granted=(Source.MOOD,))
    with database.unit_of_work() as uow:
        erasure.begin(uow, person)
        uow.commit()
    with database.read() as session, pytest.raises(ConsentMissing):
        consents.require(session, person, Source.MOOD)


def test_texts_are_read_by_consent_and_expire(database: Database, person: PersonId) -> None:
    """A text is found only with its signal's capability and before its end, which is at most seven days away."""
    add_person(database, person, granted=(Source.TASKS, Source.CALENDAR))
    subject = SubjectKey("s" * 32)
    with database.unit_of_work() as uow:
        tasks = consents.require(uow.session, person, Source.TASKS)
        calendar = consents.require(uow.session, person, Source.CALENDAR)
        texts.put(uow, consented=tasks, subject=subject, box=b"old", now_us=0, expires_us=5)
        texts.put(uow, consented=tasks, subject=subject, box=b"new", now_us=0, expires_us=TEXT_US)
        assert texts.find(uow.session, tasks, [subject], now_us=9) == {subject: b"new"}
        assert texts.find(uow.session, calendar, [subject], now_us=9) == {}
        assert texts.find(uow.session, tasks, [subject], now_us=TEXT_US) == {}
        with pytest.raises(Malformed):
            texts.put(uow, consented=tasks, subject=subject, box=b"x", now_us=0, expires_us=TEXT_US + 1)
