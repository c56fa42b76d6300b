"""Laws of the stream: what is online and in working state is the fold of all committed events, whoever folded them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data_contracts.durations import HOUR_US
from data_contracts.identifiers import PersonId, to_us
from data_contracts.state_rows import StoredRow
from feature_repo.online import OnlineFile
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import StateRow, WorkingState
from feature_repo.state.served_row import served_row
from flows.stream import processor
from flows.stream.processor import Stream
from infra.clock import fixed_clock
from infra.database.all_tables import PersonRow
from infra.database.engine.database import Database
from infra.database.engine.unit_of_work import UnitOfWork
from infra.database.events import events, working_state
from tests.flows import people


class Lost(Exception):
    """The online store went away."""


@pytest.fixture
def online(home: Path) -> Iterator[OnlineFile]:
    """Return an empty online store."""
    tables = OnlineFile(home / "online.db")
    yield tables
    tables.close()


@pytest.fixture
def living(database: Database, person: PersonId, now: datetime) -> Database:
    """Return a database with one person in it."""
    people.settle(database, person, now)
    return database


def truth(database: Database, person: PersonId) -> WorkingState:
    """Return the fold of every committed event."""
    with database.read() as session:
        return fold(each.event for each in events.after(session, person, 0, 100_000))


def stored(database: Database, person: PersonId) -> WorkingState:
    """Return the working state as it is stored."""
    with database.read() as session:
        return WorkingState.from_rows(StateRow.of(row) for row in working_state.load(session, person))


def test_what_is_online_is_the_fold_of_all_events(
    living: Database, online: OnlineFile, person: PersonId, now: datetime
) -> None:
    """Chunks, a new process in between, and events that come out of order make no difference."""
    start = to_us(now)
    facts = [people.task(person, n % 150, start + (n * 7919 % 500) * 1_000, state=1 + n % 3) for n in range(450)]
    facts += [people.meeting(person, n, start, start + n * HOUR_US) for n in range(5)]
    people.append(living, facts[:430])
    assert Stream(database=living, online=online, clock=fixed_clock(now)).fold_person(person).read == 436
    people.append(living, facts[430:])
    Stream(database=living, online=online, clock=fixed_clock(now)).fold_all()
    expected = truth(living, person)
    assert list(stored(living, person).rows()) == list(expected.rows())
    packet = online.read(person)
    assert packet.row == served_row(expected, packet.event_us)


def test_folding_again_changes_nothing(living: Database, online: OnlineFile, person: PersonId, now: datetime) -> None:
    """Without new events nothing is read."""
    people.append(living, [people.mood(person, to_us(now))])
    folds = Stream(database=living, online=online, clock=fixed_clock(now))
    folds.fold_all()
    before = online.read(person)
    assert folds.fold_all() == folds.fold_person(person) == processor.Folded()
    assert online.read(person) == before


def test_two_processors_that_take_turns_agree(
    living: Database, online: OnlineFile, person: PersonId, now: datetime
) -> None:
    """A state in memory that another processor has overtaken is thrown away, not written."""
    first, second = (Stream(database=living, online=online, clock=fixed_clock(now)) for _ in range(2))
    for turn in range(6):
        people.append(living, [people.task(person, turn, to_us(now) + turn), people.mood(person, to_us(now) + turn)])
        (first if turn % 2 else second).fold_person(person)
    assert list(stored(living, person).rows()) == list(truth(living, person).rows())
    assert online.read(person).row == served_row(truth(living, person), online.read(person).event_us)


def test_a_fold_that_fails_half_way_leaves_nothing(
    living: Database, online: OnlineFile, person: PersonId, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the online store is lost, the head stays, and the next fold does all of it."""
    people.append(living, [people.mood(person, to_us(now))])
    folds = Stream(database=living, online=online, clock=fixed_clock(now))

    def lose(*_: object) -> None:
        raise Lost

    with monkeypatch.context() as broken:
        broken.setattr(online, "write_rows", lose)
        with pytest.raises(Lost):
            folds.fold_person(person)
    with living.read() as session:
        assert working_state.head(session, person) == working_state.FoldHead()
        assert working_state.load(session, person) == []
    folds.fold_person(person)
    assert online.read(person).row.mood.mood == (3,)


def test_a_new_process_writes_every_view(living: Database, online: OnlineFile, person: PersonId, now: datetime) -> None:
    """What a power loss took from the online store comes back with the next event, whatever it is about."""
    people.append(living, [people.mood(person, to_us(now))])
    Stream(database=living, online=online, clock=fixed_clock(now)).fold_all()
    online.delete(person)
    people.append(living, [people.task(person, 1, to_us(now))])
    Stream(database=living, online=online, clock=fixed_clock(now)).fold_all()
    assert online.read(person).row.mood.mood == (3,)
    assert online.read(person).row.tasks.open_count == 1


def test_a_person_who_is_being_erased_gets_no_online_row(
    living: Database, online: OnlineFile, person: PersonId, now: datetime
) -> None:
    """The lock refuses who is leaving, and nothing of them stays in memory."""
    people.append(living, [people.mood(person, to_us(now))])
    with living.unit_of_work() as uow:
        uow.session.get_one(PersonRow, person).erasing = True
        uow.commit()
    folds = Stream(database=living, online=online, clock=fixed_clock(now))
    assert folds.fold_person(person) == processor.Folded(gone=1)
    assert not folds.refresh_person(person)
    assert online.read(person).event_us == 0


def test_a_refresh_moves_the_calendar_on(living: Database, online: OnlineFile, person: PersonId, now: datetime) -> None:
    """Nine days later the window shows what was too far away before."""
    start_us = to_us(now) + 10 * 24 * HOUR_US
    people.append(living, [people.meeting(person, 1, to_us(now), start_us)])
    Stream(database=living, online=online, clock=fixed_clock(now)).fold_all()
    assert online.read(person).row.calendar.busy_start_us == ()
    later = Stream(database=living, online=online, clock=fixed_clock(now + timedelta(days=9)))
    assert later.refresh_person(person)
    assert online.read(person).row.calendar.busy_start_us == (start_us,)
    people.append(living, [people.mood(person, to_us(now))])
    Stream(database=living, online=online, clock=fixed_clock(now)).fold_all()
    assert online.read(person).row.mood.mood == (3,)  # a clock that went back makes no row unwritable


def test_one_event_among_five_thousand_tasks_writes_one_row(
    living: Database, online: OnlineFile, person: PersonId, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long list makes an update neither large nor slow."""
    people.append(living, [people.task(person, n, to_us(now) + n) for n in range(5_000)])
    folds = Stream(database=living, online=online, clock=fixed_clock(now))
    folds.fold_person(person)
    written: list[int] = []
    save = working_state.save

    def counted(uow: UnitOfWork, rows: list[tuple[PersonId, StoredRow]]) -> None:
        written.append(len(rows))
        save(uow, rows)

    monkeypatch.setattr(working_state, "save", counted)
    people.append(living, [people.task(person, 17, to_us(now) + 9_999, state=2)])
    folds.fold_person(person)
    assert written == [1]
    assert online.read(person).row.tasks.open_count == 4_999


def test_memory_holds_only_so_many_people(database: Database, online: OnlineFile, now: datetime) -> None:
    """Who was not folded for longest leaves first."""
    crowd = [PersonId(f"{n:032x}") for n in range(4)]
    for number, person in enumerate(crowd):
        people.settle(database, person, now, name=f"person {number}")
    folds = Stream(database=database, online=online, clock=fixed_clock(now), capacity=2)
    folds.fold_all()
    assert list(folds._known) == crowd[2:]


def test_a_committed_event_is_folded_by_the_bus(
    living: Database, online: OnlineFile, person: PersonId, now: datetime
) -> None:
    """Whoever subscribes the stream has the feature online when the commit returns."""
    folds = Stream(database=living, online=online, clock=fixed_clock(now))
    living.bus.subscribe(folds.handle)
    people.append(living, [people.mood(person, to_us(now), 5)])
    assert online.read(person).row.mood.mood == (5,)
    assert living.bus.failures == 0
