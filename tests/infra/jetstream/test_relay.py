"""The mirror holds what the database holds, whoever dies in between."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PersonId, to_us
from infra.clock import fixed_clock
from infra.database.engine.database import Database
from infra.database.events import mirror_log
from infra.database.events.mirror_log import Waiting
from infra.mirror.jetstream.bundled_server import BundledServer
from infra.mirror.jetstream.stream_config import message_id, subject
from infra.mirror.relay import Relay
from infra.network_addresses import free_port
from tests.flows import people
from tests.infra.jetstream.mirrors import content, relay_of, wait_until, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def log(database: Database) -> list[tuple[str, str, bytes]]:
    """Return (subject's person, message id, payload) of every event, in order."""
    with database.read() as session:
        return [(e.person, message_id(e.person, e.id), e.payload) for e in mirror_log.mirrored(session, 0)]


def test_every_event_arrives_once_in_order_with_the_same_bytes(
    database: Database, person: PersonId, now: datetime, nats_url: str
) -> None:
    """Bus, table and mirror agree about ids, subjects and payloads."""
    heard: list[str] = []
    database.bus.subscribe(lambda events: heard.extend(event.id for event in events))
    with relay_of(database, nats_url, fixed_clock(now)):
        people.settle(database, person, now)
        people.append(database, [people.task(person, n, to_us(now) + n) for n in range(2_500)])
        wait_until(lambda: waiting(database) == 0)
    found = content(nats_url)
    assert [(held.person, held.message_id, held.payload) for held in found] == log(database)
    assert [held.message_id.partition("/")[2] for held in found] == heard
    assert found[-1].subject == subject("task_changed", person)


def test_two_relays_at_once_leave_each_event_once(
    database: Database, person: PersonId, now: datetime, nats_url: str
) -> None:
    """They take turns, so that neither sends what the other does."""
    people.settle(database, person, now)
    one, other = (relay_of(database, nats_url, fixed_clock(now)) for _ in range(2))
    with one, other:
        for turn in range(20):
            people.append(database, [people.task(person, n, to_us(now) + turn) for n in range(50)])
        wait_until(lambda: waiting(database) == 0)
    assert sorted(held.message_id for held in content(nats_url)) == sorted(entry[1] for entry in log(database))
    assert one.state.published + other.state.published == len(log(database))


def test_a_mirror_that_was_wiped_is_filled_again(
    database: Database, person: PersonId, now: datetime, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The relay sees at its next connection that the stream ends before the marks do."""
    server = BundledServer(tmp_path / "nats", tmp_path / "keys", port=free_port())
    server.start()
    request.addfinalizer(server.stop)
    relay = relay_of(database, server.url, fixed_clock(now))
    with relay:
        people.settle(database, person, now)
        people.append(database, [people.task(person, n, to_us(now)) for n in range(100)])
        wait_until(lambda: waiting(database) == 0)
        server.kill()
        people.append(database, [people.mood(person, to_us(now))])
        shutil.rmtree(server.folder / "store")
        server.start()
        wait_until(lambda: relay.state.refilled > 0 and waiting(database) == 0)
    assert sorted(held.message_id for held in content(server.url)) == sorted(entry[1] for entry in log(database))


class Forgetful:
    """A mirror that acknowledges every other message, and dies at its third batch."""

    last = 0

    def __init__(self) -> None:
        self.arrived: list[int] = []
        self.batches = 0

    @property
    def alive(self) -> bool:
        """Always, until it is asked to publish."""
        return True

    async def publish(self, rows: Sequence[Waiting]) -> Mapping[int, int]:
        """Take all, admit half."""
        self.batches += 1
        if self.batches == 3:
            raise Unavailable("gone")
        self.arrived += [row.sequence for row in rows]
        return {row.sequence: row.sequence for row in rows[::2]}


def test_what_was_not_acknowledged_is_sent_again(database: Database, person: PersonId, now: datetime) -> None:
    """Nothing is marked on trust."""
    people.settle(database, person, now)
    mirror = Forgetful()

    @asynccontextmanager
    async def connect() -> "AsyncIterator[Forgetful]":
        yield mirror

    async def two_steps() -> None:
        relay = Relay(database, fixed_clock(now), connect)
        total = waiting(database)
        assert await relay.step(mirror) + waiting(database) == total
        await relay.step(mirror)
        relay._loop.close()

    asyncio.run(two_steps())
    assert len(mirror.arrived) > len(set(mirror.arrived))
    assert set(mirror.arrived) == set(range(1, len(log(database)) + 1))


def test_a_late_commit_with_a_low_number_is_carried(database: Database, person: PersonId, now: datetime) -> None:
    """The relay goes by marks: a mark taken back makes an old event new to it."""
    people.settle(database, person, now)
    with database.unit_of_work() as uow:
        sequences = [row.sequence for row in mirror_log.waiting(uow.session, 100)]
        mirror_log.mark(uow, {number: number for number in sequences[1:]}, at_us=1)
        uow.commit()
    with database.read() as session:
        assert [row.sequence for row in mirror_log.waiting(session, 100)] == sequences[:1]
