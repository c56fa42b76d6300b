"""Laws of snapshots of the event log: what they hold is enough to make everything again."""

from datetime import timedelta

import pytest
from sqlalchemy import delete

from data_contracts.events.codec import Sequenced, encode
from data_contracts.identifiers import PersonId, to_us
from feature_repo.history.snapshots import Snapshots
from feature_repo.state.batch_fold import fold
from feature_repo.state.served_row import served_row
from flows.context import OpenedContext
from flows.stream.state_repair import rebuild
from flows.upkeep.snapshots import Restored, Taken, restore, take
from infra.database.all_tables import EventRow, PersonRow
from infra.database.events import events
from tests.flows import people
from tests.flows.people import later
from tests.flows.test_stream import truth


def live(context: OpenedContext, person: PersonId, first: int = 0, count: int = 20) -> None:
    """Let some tasks and moods happen now."""
    now_us = to_us(context.clock())
    people.append(context.database, [people.task(person, n, now_us + n) for n in range(first, first + count)])
    people.append(context.database, [people.mood(person, now_us + n, 1 + n % 5) for n in range(first, first + count)])


def log(context: OpenedContext, person: PersonId) -> list[bytes]:
    """Return a person's events, in no order."""
    with context.database.read() as session:
        return sorted(encode(each.event) for each in events.after(session, person, 0, 9_999))


def snapped(context: OpenedContext) -> list[bytes]:
    """Return what the snapshots hold, in no order."""
    store = Snapshots(context.settings.snapshots)
    return sorted(row.payload for day in store.days() for row in store.read(day))


def test_a_snapshot_holds_every_event_and_a_second_run_writes_nothing(context: OpenedContext, person: PersonId) -> None:
    """Day by day, what grew is written again, what did not is left."""
    live(context, person)
    assert take(context) == Taken(1, 46)
    assert take(context) == Taken()
    tomorrow = later(context, 1)
    live(tomorrow, person, first=50)
    assert take(tomorrow) == Taken(1, 40)
    assert snapped(context) == log(context, person)
    assert take(later(context, 9)) == Taken()


def test_a_day_that_a_jumping_clock_comes_back_to_loses_nothing(context: OpenedContext, person: PersonId) -> None:
    """Events of one day on both sides of a day that is closed already."""
    live(context, person)
    live(later(context, -9), person, first=100)
    take(context)
    live(context, person, first=200)
    take(context)
    assert snapped(context) == log(context, person)


def test_a_lost_log_is_restored_and_features_are_those_of_before(context: OpenedContext, person: PersonId) -> None:
    """Served row and working state made from the snapshot are byte-equal to the streamed ones."""
    live(context, person)
    take(context)
    before, row = log(context, person), context.online.read(person).row
    held = [each.payload for each in Snapshots(context.settings.snapshots).read(f"{context.clock():%Y-%m-%d}")]
    assert sorted(held) == before
    with context.database.unit_of_work() as uow:
        uow.session.execute(delete(EventRow).where(EventRow.sequence % 2 == 0))
        uow.commit()
    lost = len(before) - len(log(context, person))
    assert lost > 0
    assert restore(context) == Restored(events=lost)
    assert restore(context) == Restored()
    assert log(context, person) == before
    assert rebuild(context, person).wrong_rows == 0
    assert context.online.read(person).row == row
    again = fold(each.event for each in _read_all(context, person))
    assert list(again.rows()) == list(truth(context.database, person).rows())
    assert served_row(again, context.online.read(person).event_us) == row


def _read_all(context: OpenedContext, person: PersonId) -> list[Sequenced]:
    with context.database.read() as session:
        return events.after(session, person, 0, 9_999)


def test_nobody_who_is_being_erased_is_written_or_comes_back(context: OpenedContext, person: PersonId) -> None:
    """Neither a snapshot nor a restore is a way around an erasure."""
    live(context, person)
    take(context)
    with context.database.unit_of_work() as uow:
        uow.session.get_one(PersonRow, person).erasing = True
        uow.commit()
    assert restore(context).refused == 46
    Snapshots(context.settings.snapshots).forget(person)
    take(context)
    assert snapped(context) == []


@pytest.mark.parametrize("days", [0, 3])
def test_days_are_days_of_arrival(context: OpenedContext, person: PersonId, days: int) -> None:
    """What happened long ago and came today belongs to today."""
    event = people.mood(person, to_us(context.clock() - timedelta(days=30)))
    event.received_us = to_us(later(context, days).clock())
    people.append(context.database, [event])
    take(later(context, days))
    wanted = {f"{context.clock():%Y-%m-%d}", f"{later(context, days).clock():%Y-%m-%d}"}
    assert set(Snapshots(context.settings.snapshots).days()) == wanted
