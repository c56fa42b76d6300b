"""Laws of the feed: whoever watches sees what is committed, by any process, and who is erased is seen no more."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PersonId, to_us
from infra.database.engine.database import Database, open_database
from infra.database.events.feed import MAX_WATCHERS, EventFeed
from infra.database.events.ring import EventRing
from infra.database.maintenance import erasure
from tests.flows import people
from tests.infra.jetstream.mirrors import wait_until

OTHER = PersonId("b" * 32)


@pytest.fixture
def feed(database: Database, person: PersonId, now: datetime) -> Iterator[EventFeed]:
    """Return the feed of a home with two people."""
    people.settle(database, person, now)
    people.settle(database, OTHER, now, name="ben")
    opened = EventFeed(database)
    yield opened
    opened.close()


def _ids(ring: EventRing) -> list[str]:
    taken = ring.read(0, 10_000)
    assert taken is not None
    return [row.id for row in taken[0]]


def _nothing() -> None:
    """Hear of news."""


def test_a_watcher_sees_what_was_there_and_what_is_committed_next(
    feed: EventFeed, database: Database, person: PersonId, now: datetime
) -> None:
    """In the order of the table, and it is told without asking."""
    heard = threading.Event()
    ring = feed.attach(heard.set)
    before = len(_ids(ring))
    assert before == 12
    heard.clear()
    people.append(database, [people.task(person, n, to_us(now)) for n in range(300)])
    assert heard.wait(10)
    wait_until(lambda: len(_ids(ring)) == before + 300)
    with database.read() as session:
        rows = session.connection().exec_driver_sql("SELECT id FROM events ORDER BY sequence").scalars().all()
    assert _ids(ring) == list(rows)


def test_what_another_process_commits_is_seen_as_well(
    feed: EventFeed, database: Database, person: PersonId, now: datetime
) -> None:
    """Its commits wake nobody here; the end of the table is looked at."""
    ring = feed.attach(_nothing)
    other = open_database(database.url.render_as_string(hide_password=False))
    people.append(other, [people.mood(person, to_us(now))])
    other.close()
    wait_until(lambda: _ids(ring)[-1].startswith("mood-"))


def test_more_at_once_than_the_ring_can_hold_is_never_a_silent_loss(
    database: Database, person: PersonId, now: datetime
) -> None:
    """A reader that was at the end is behind then, though the ring is full of what is newest."""
    people.settle(database, person, now)
    feed = EventFeed(database, capacity=8)
    ring = feed.attach(_nothing)
    end = ring.last(0)
    people.append(database, [people.task(person, n, to_us(now)) for n in range(30)])
    wait_until(lambda: ring.last(0) > end)
    assert ring.read(end, 100) is None
    newest = ring.read(ring.last(8), 100)
    assert newest is not None
    assert [row.id.split("-")[1] for row in newest[0]] == [str(n) for n in range(22, 30)]
    feed.close()


def test_a_transaction_that_commits_late_with_a_low_number_is_seen(
    postgresql_url: str, person: PersonId, now: datetime
) -> None:
    """PostgreSQL gives numbers out before the commit."""
    database = open_database(postgresql_url)
    for one, name in ((person, "ada"), (OTHER, "ben")):
        people.settle(database, one, now, name=name)
    feed = EventFeed(database)
    ring = feed.attach(_nothing)
    with database.unit_of_work() as late:
        late.record_all([people.task(person, 1, to_us(now))])
        people.append(database, [people.mood(OTHER, to_us(now))])
        wait_until(lambda: _ids(ring)[-1].startswith("mood-"))
        late.commit()
    wait_until(lambda: _ids(ring)[-1].startswith("task-1-"))
    feed.close()
    database.close()


def test_an_erased_person_is_seen_no_more(feed: EventFeed, database: Database, person: PersonId, now: datetime) -> None:
    """From the first step of the erasure on, for everybody who begins to watch or comes back."""
    ring = feed.attach(_nothing)
    people.append(database, [people.mood(OTHER, to_us(now))])
    wait_until(lambda: _ids(ring)[-1].startswith("mood-"))
    with database.unit_of_work() as uow:
        erasure.begin(uow, OTHER)
        uow.commit()
    assert feed.attach(lambda: None).people() == {person}


def test_nothing_runs_and_nothing_is_held_while_nobody_watches(
    database: Database, person: PersonId, now: datetime
) -> None:
    """The last watcher's end is the feed's, after a while in which it could come back."""
    people.settle(database, person, now)
    feed = EventFeed(database, linger_s=0.1)
    assert not _running()
    ring = feed.attach(_nothing)
    assert (_running(), feed.watchers) == (True, 1)
    feed.detach(_nothing)
    wait_until(lambda: not _running())
    assert ring.people() == set()
    assert feed.attach(_nothing).people() == {person}
    feed.close()
    assert not _running()


def _running() -> bool:
    return any(thread.name == "oo-event-feed" for thread in threading.enumerate())


def test_there_is_an_end_to_watchers_and_to_the_feed(feed: EventFeed) -> None:
    """Who is one too many is refused, who watches hears of the end, and nobody begins after it."""
    heard: list[int] = []

    def watcher(number: int) -> Callable[[], None]:
        return lambda: heard.append(number)

    for number in range(MAX_WATCHERS):
        feed.attach(watcher(number))
    with pytest.raises(Unavailable, match="at most"):
        feed.attach(_nothing)
    heard.clear()
    feed.close()
    assert sorted(set(heard)) == list(range(MAX_WATCHERS))
    with pytest.raises(Unavailable, match="ending"):
        feed.attach(_nothing)


def test_a_database_that_is_away_ends_no_watch(
    feed: EventFeed, database: Database, person: PersonId, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who begins is refused, who watches waits until it is back."""
    ring = feed.attach(_nothing)

    def away(*_: object, **__: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr("infra.database.events.feed.newest.newest", away)
        with pytest.raises(Unavailable, match="away"):
            feed.attach(lambda: None)
        assert feed.watchers == 1
        people.append(database, [people.mood(person, to_us(now))])
        time.sleep(0.4)
    wait_until(lambda: _ids(ring)[-1].startswith("mood-"))
