"""What is derived can be compared with the events, and made again from them."""

import asyncio
from datetime import datetime

from sqlalchemy import delete

from data_contracts.identifiers import PersonId, to_us
from flows.context import OpenedContext
from flows.stream.state_repair import rebuild
from infra.clock import fixed_clock
from infra.database.all_tables import EventRow, WorkingRow
from infra.database.engine.database import Database
from infra.database.events import mirror_log
from infra.mirror.jetstream.mirror_comparison import Comparison, compare, empty, forget
from tests.flows import people
from tests.infra.jetstream.conftest import nats_server, nats_url
from tests.infra.jetstream.mirrors import content, relay_of, wait_until, waiting

__all__ = ["nats_server", "nats_url"]


def test_features_made_again_are_those_that_were_streamed(
    context: OpenedContext, person: PersonId, now: datetime
) -> None:
    """Equal to the byte; and what was damaged is mended."""
    people.append(context.database, [people.task(person, n % 9, to_us(now) + n) for n in range(50)])
    people.append(context.database, [people.mood(person, to_us(now))])
    before = context.online.read(person)
    assert rebuild(context, person)[1:] == (0, True)
    assert context.online.read(person) == before
    with context.database.unit_of_work() as uow:
        uow.session.execute(delete(WorkingRow).where(WorkingRow.source == "mood"))
        uow.commit()
    context.online.delete(person)
    assert rebuild(context, person)[1:] == (1, False)
    assert context.online.read(person) == before
    assert rebuild(context, person)[1:] == (0, True)


def test_a_mirror_is_compared_and_made_again(
    database: Database, person: PersonId, now: datetime, nats_url: str
) -> None:
    """A lost, a changed and a foreign message are each seen; afterwards nothing differs."""
    people.settle(database, person, now)
    people.append(database, [people.task(person, n, to_us(now) + n) for n in range(20)])
    with relay_of(database, nats_url, fixed_clock(now)):
        wait_until(lambda: waiting(database) == 0)
    total = len(content(nats_url))
    assert asyncio.run(compare(database, nats_url, 0)) == Comparison(total, 0, 0, 0, 0, 0)
    with database.unit_of_work() as uow:
        last, other = uow.session.query(EventRow).order_by(EventRow.sequence.desc()).limit(2)
        last.payload, other.id = b"changed", "another"
        uow.commit()
    assert asyncio.run(compare(database, nats_url, 0)) == Comparison(total, 0, 1, 1, 1, 0)
    asyncio.run(empty(nats_url))
    with database.unit_of_work() as uow:
        assert mirror_log.unmark_since(uow, 0) == total
        uow.commit()
    with relay_of(database, nats_url, fixed_clock(now)):
        wait_until(lambda: waiting(database) == 0)
    assert asyncio.run(compare(database, nats_url, 0)).sound


def test_a_person_leaves_the_mirror_and_the_others_stay(
    database: Database, person: PersonId, now: datetime, nats_url: str
) -> None:
    """Each message is overwritten, whatever its kind."""
    other = PersonId("e" * 32)
    for number, one in enumerate((person, other)):
        people.settle(database, one, now, name=f"person {number}")
        people.append(database, [people.mood(one, to_us(now)), people.task(one, 1, to_us(now))])
    with relay_of(database, nats_url, fixed_clock(now)):
        wait_until(lambda: waiting(database) == 0)
    kept = [held for held in content(nats_url) if held.person == other]
    assert asyncio.run(forget(nats_url, person)) == len(kept)
    assert content(nats_url) == kept
