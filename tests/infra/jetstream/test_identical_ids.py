"""Whoever hears of events hears of the same ones: bus, ring and mirror."""

from datetime import datetime

from data_contracts.identifiers import PersonId, to_us
from infra.clock import fixed_clock
from infra.database.engine.database import Database
from infra.database.events.feed import EventFeed
from tests.flows import people
from tests.infra.jetstream.mirrors import content, relay_of, wait_until, waiting

OTHER = PersonId("b" * 32)


def test_bus_ring_and_mirror_hear_of_identical_events(
    database: Database, person: PersonId, now: datetime, nats_url: str
) -> None:
    """Duplicates and rolled back ones are in none of them, and all three have one order."""
    heard: list[tuple[str, str]] = []
    database.bus.subscribe(lambda events: heard.extend((event.person, event.id) for event in events))
    feed = EventFeed(database)
    ring = feed.attach(lambda: None)
    with relay_of(database, nats_url, fixed_clock(now)):
        people.settle(database, person, now)
        people.settle(database, OTHER, now, name="ben")
        for turn in range(40):
            who = (person, OTHER)[turn % 2]
            people.append(database, [people.task(who, n, to_us(now) + turn) for n in range(turn % 7)])
            people.append(database, [people.task(who, n, to_us(now) + turn) for n in range(turn % 7)])
            with database.unit_of_work() as uow:
                uow.record_all([people.mood(who, to_us(now) + turn)])
        wait_until(lambda: waiting(database) == 0)
    wait_until(lambda: len(_read(ring.read(0, 10_000))) == len(heard))
    seen = _read(ring.read(0, 10_000))
    feed.close()
    mirrored = [tuple(held.message_id.split("/")) for held in content(nats_url)]
    assert len(heard) > 100
    assert seen == mirrored == heard


def _read(taken: object) -> list[tuple[str, str]]:
    assert isinstance(taken, tuple)
    return [(row.person, row.id) for row in taken[0]]
