"""Laws of the unit of work."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from data_contracts.errors import ErasedPerson, Malformed, NotFound, Unavailable
from data_contracts.events.codec import Event
from data_contracts.identifiers import PersonId
from infra.database.engine import connections
from infra.database.engine.database import Database, open_database
from infra.database.events import events
from infra.database.maintenance import erasure
from infra.database.people import people
from tests.infra.database.rows import add_person, mood


def test_what_is_not_committed_is_rolled_back(database: Database, person: PersonId) -> None:
    """Forgetting to commit is safe: neither the change nor its event exists, and nobody hears of it."""
    add_person(database, person)
    heard: list[Event] = []
    database.bus.subscribe(heard.extend)
    with database.unit_of_work() as uow:
        people.set_preferences(uow, person=person, budget=7)
        assert uow.record(mood(person, "1"))
    with database.read() as session:
        assert people.get(session, person).budget == 3
        assert events.after(session, person, 0, 10) == []
    assert heard == []


def test_a_change_and_its_event_are_committed_together_and_then_published(database: Database, person: PersonId) -> None:
    """Whoever hears of an event can already read it."""
    add_person(database, person)
    read: list[int] = []

    def reads(_events: object) -> None:
        with database.read() as session:
            read.append(len(events.after(session, person, 0, 10)))

    database.bus.subscribe(reads)
    with database.unit_of_work() as uow:
        uow.record(mood(person, "1"))
        assert read == []
        uow.commit()
    assert read == [1]


def test_an_event_is_published_once_however_often_it_is_recorded(database: Database, person: PersonId) -> None:
    """A duplicate is not published again, and neither is the same event after a second commit."""
    add_person(database, person)
    heard: list[Event] = []
    database.bus.subscribe(heard.extend)
    with database.unit_of_work() as uow:
        assert [uow.record(mood(person, "1")), uow.record(mood(person, "1", value=5))] == [True, False]
        uow.commit()
        uow.commit()
    assert [event.mood_reported.mood for event in heard] == [3]


@pytest.mark.parametrize("event", [Event(id="1"), Event(person="p"), Event(id="1", person="p")])
def test_an_event_without_id_person_or_body_is_malformed(database: Database, event: Event) -> None:
    """The envelope must be complete."""
    with database.unit_of_work() as uow, pytest.raises(Malformed):
        uow.record(event)


def test_nothing_is_recorded_about_nobody(database: Database, person: PersonId) -> None:
    """A stranger is not found; somebody who is being erased is refused."""
    with database.unit_of_work() as uow, pytest.raises(NotFound):
        uow.record(mood(person, "1"))
    add_person(database, person)
    with database.unit_of_work() as uow:
        erasure.begin(uow, person)
        with pytest.raises(ErasedPerson):
            uow.record(mood(person, "1"))


def test_a_reading_session_cannot_write(database: Database, person: PersonId) -> None:
    """A GET changes nothing, even by mistake."""
    add_person(database, person)
    with database.read() as session, pytest.raises(SQLAlchemyError, match=r"read-?only"):
        session.execute(text("UPDATE people SET budget = 0"))


def test_a_reading_session_sees_one_snapshot(database: Database, person: PersonId) -> None:
    """Two reads of one session agree, whatever is committed between them."""
    add_person(database, person)
    with database.read() as session:
        before = people.get(session, person).budget
        with database.unit_of_work() as uow:
            people.set_preferences(uow, person=person, budget=9)
            uow.commit()
        assert people.get(session, person).budget == before
    with database.read() as session:
        assert people.get(session, person).budget == 9


def test_a_locked_database_is_unavailable_and_nothing_else(sqlite_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process holds the write lock for too long, the refusal is ours and says that nothing changed."""
    pragmas = tuple(pragma.replace("busy_timeout=5000", "busy_timeout=20") for pragma in connections.PRAGMAS)
    monkeypatch.setattr(connections, "PRAGMAS", pragmas)
    database = open_database(sqlite_path)
    other = sqlite3.connect(sqlite_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with database.unit_of_work() as uow, pytest.raises(Unavailable):
        people.create(uow, person=PersonId("p"), name="me", zone="UTC", created_us=1)
    other.close()
    database.close()


def test_a_server_that_is_down_is_unavailable(tmp_path: Path) -> None:
    """No server behind the URL is an error of ours, without the driver's words."""
    database = open_database(f"postgresql://nobody@/nothing?host={tmp_path}")
    with database.read() as session, pytest.raises(Unavailable):
        session.scalar(text("SELECT 1"))
    with pytest.raises(Unavailable):
        database.connect_raw()
    database.close()


@pytest.mark.parametrize("where", ["mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(where: str) -> None:
    """Only a SQLite file or PostgreSQL will do."""
    with pytest.raises(Malformed):
        open_database(where)


def test_the_ping_names_the_database(database: Database) -> None:
    """Health asks the database itself."""
    assert database.ping() == database.dialect
