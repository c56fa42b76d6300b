"""Laws of snapshots of the event log: what they hold is enough to make everything again."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from data_contracts.events.codec import encode
from data_contracts.identifiers import PersonId, to_us
from feature_repo.history.snapshots import Snapshots
from feature_repo.state.batch_fold import fold
from feature_repo.state.served_row import served_row
from flows.context import OpenedParts
from flows.stream.state_repair import rebuild
from flows.upkeep.snapshots import Restored, Taken, restore, take
from infra.database.all_tables import EventRow, PersonRow
from infra.database.events import events
from tests.flows import people
from tests.flows.people import later
from tests.flows.test_stream import truth


def live(parts: OpenedParts, person: PersonId, first: int = 0, count: int = 20) -> None:
    """Let some tasks and moods happen now."""
    now_us = to_us(parts.clock())
    people.append(parts.database, [people.task(person, n, now_us + n) for n in range(first, first + count)])
    people.append(parts.database, [people.mood(person, now_us + n, 1 + n % 5) for n in range(first, first + count)])


def log(parts: OpenedParts, person: PersonId) -> list[bytes]:
    """Return a person's events, in no order."""
    with parts.database.read() as session:
        return sorted(encode(each.event) for each in events.after(session, person, 0, 9_999))


def snapped(parts: OpenedParts) -> list[bytes]:
    """Return what the snapshots hold, in no order."""
    store = Snapshots(parts.settings.snapshots)
    return sorted(row.payload for day in store.days() for row in store.read(day))


def test_a_snapshot_holds_every_event_and_a_second_run_writes_nothing(parts: OpenedParts, person: PersonId) -> None:
    """Day by day, what grew is written again, what did not is left."""
    live(parts, person)
    assert take(parts) == Taken(1, 46)
    assert take(parts) == Taken()
    tomorrow = later(parts, 1)
    live(tomorrow, person, first=50)
    assert take(tomorrow) == Taken(1, 40)
    assert snapped(parts) == log(parts, person)
    assert take(later(parts, 9)) == Taken()


def test_a_day_that_a_jumping_clock_comes_back_to_loses_nothing(parts: OpenedParts, person: PersonId) -> None:
    """Events of one day on both sides of a day that is closed already."""
    live(parts, person)
    live(later(parts, -9), person, first=100)
    take(parts)
    live(parts, person, first=200)
    take(parts)
    assert snapped(parts) == log(parts, person)


def test_a_lost_log_is_restored_and_features_are_those_of_before(parts: OpenedParts, person: PersonId) -> None:
    """Served row and working state made from the snapshot are byte-equal to the streamed ones."""
    live(parts, person)
    take(parts)
    before, row = log(parts, person), parts.online.read(person).row
    held = [each.payload for each in Snapshots(parts.settings.snapshots).read(f"{parts.clock():%Y-%m-%d}")]
    assert sorted(held) == before
    with parts.database.unit_of_work() as uow:
        uow.session.execute(delete(EventRow).where(EventRow.sequence % 2 == 0))
        uow.commit()
    lost = len(before) - len(log(parts, person))
    assert lost > 0
    assert restore(parts) == Restored(events=lost)
    assert restore(parts) == Restored()
    assert log(parts, person) == before
    assert rebuild(parts, person).wrong_rows == 0
    assert parts.online.read(person).row == row
    again = fold(each.event for each in _read_all(parts, person))
    assert list(again.rows()) == list(truth(parts.database, person).rows())
    assert served_row(again, parts.online.read(person).event_us) == row


def _read_all(parts: OpenedParts, person: PersonId) -> list[events.Sequenced]:
    with parts.database.read() as session:
        return events.after(session, person, 0, 9_999)


def test_nobody_who_is_being_erased_is_written_or_comes_back(parts: OpenedParts, person: PersonId) -> None:
    """Neither a snapshot nor a restore is a way around an erasure."""
    live(parts, person)
    take(parts)
    with parts.database.unit_of_work() as uow:
        uow.session.get_one(PersonRow, person).erasing = True
        uow.commit()
    assert restore(parts).refused == 46
    Snapshots(parts.settings.snapshots).forget(person)
    take(parts)
    assert snapped(parts) == []


@pytest.mark.parametrize("days", [0, 3])
def test_days_are_days_of_arrival(parts: OpenedParts, person: PersonId, days: int) -> None:
    """What happened long ago and came today belongs to today."""
    event = people.mood(person, to_us(parts.clock() - timedelta(days=30)))
    event.received_us = to_us(later(parts, days).clock())
    people.append(parts.database, [event])
    take(later(parts, days))
    wanted = {f"{parts.clock():%Y-%m-%d}", f"{later(parts, days).clock():%Y-%m-%d}"}
    assert set(Snapshots(parts.settings.snapshots).days()) == wanted
