"""The commands that compare and mend, in a home with a real mirror."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from data_contracts.events.codec import encode, kind
from data_contracts.identifiers import PersonId, to_us
from flows.context import OpenedContext, opened
from flows.stream.mirror_consumer import MAX_DELIVERIES, MirrorConsumer
from infra.clock import fixed_clock
from infra.database.events import dead_letters, events
from infra.mirror.jetstream.connection import connected
from infra.mirror.jetstream.consumer import open_consumer
from infra.mirror.jetstream.stream_config import MESSAGE_ID, SEQUENCE, STREAM, message_id, subject
from infra.settings import Settings
from tests.flows import people
from tests.infra.jetstream.conftest import nats_server, nats_url
from tests.infra.jetstream.mirrors import relay_of, wait_until, waiting
from tests.oo.command_line import CommandLine

__all__ = ["nats_server", "nats_url"]
NAME = "ana"


@pytest.fixture
def context(home: Path, person: PersonId, now: datetime) -> Iterator[OpenedContext]:
    """Return the open stores of a home in which one person lives."""
    with opened(Settings(home=home), fixed_clock(now)) as found:
        found.database.migrate()
        people.settle(found.database, person, now, name=NAME)
        people.append(found.database, [people.task(person, n, to_us(now) + n) for n in range(30)])
        yield found


@pytest.fixture
def oo(home: Path, monkeypatch: pytest.MonkeyPatch, now: datetime, nats_url: str) -> CommandLine:
    """Return the command line of that home, with a mirror."""
    monkeypatch.setenv("NATS_URL", nats_url)
    command_line = CommandLine(home, monkeypatch)
    command_line.at(now)
    return command_line


def _relayed(context: OpenedContext, url: str, now: datetime) -> None:
    with relay_of(context.database, url, fixed_clock(now)):
        wait_until(lambda: waiting(context.database) == 0)


async def _take_out(url: str, place: int) -> None:
    async with connected(url, for_ever=False) as client:
        await client.jetstream().delete_msg(STREAM, place)


def test_a_hole_in_the_mirror_is_found_and_mended(
    oo: CommandLine, context: OpenedContext, nats_url: str, now: datetime
) -> None:
    """`oo mirror verify` ends with 1 until `oo mirror rebuild` has filled the mirror again."""
    _relayed(context, nats_url, now)
    whole = oo("mirror", "verify", "--json")
    assert (whole.code, whole.data["sound"], whole.data["waiting"]) == (0, True, 0)
    asyncio.run(_take_out(nats_url, 5))
    holed = oo("mirror", "verify", "--json")
    assert (holed.code, holed.data["sound"], holed.data["missing"]) == (1, False, 1)
    rebuilt = oo("mirror", "rebuild", "--json")
    assert (rebuilt.code, rebuilt.data["events"]) == (0, whole.data["events"])
    assert oo("mirror", "verify", "--json").data == whole.data


def test_features_made_again_are_equal_to_the_byte(oo: CommandLine, context: OpenedContext, person: PersonId) -> None:
    """What the stream served and what the events give is the same; a lost row comes back as it was."""
    served = context.online.read_views([person], "tasks")
    assert served[person].payload
    said = oo("features", "rebuild", "--person", NAME, "--json")
    assert (said.code, [(row["wrong_rows"], row["served_equal"]) for row in said.data]) == (0, [(0, True)])
    context.online.delete(person)
    said = oo("features", "rebuild", "--json")
    assert [(row["person"], row["served_equal"]) for row in said.data] == [(NAME, False)]
    assert context.online.read_views([person], "tasks")[person].payload == served[person].payload


def test_a_dead_letter_is_listed_and_goes_once_its_hindrance_is_gone(
    oo: CommandLine, context: OpenedContext, person: PersonId, nats_url: str, now: datetime
) -> None:
    """A message that was there before its row becomes a dead letter, and is taken in when the row is there."""
    early = people.mood(person, to_us(now), 5)
    with context.database.read() as session:
        place = events.after(session, person, 0, 10_000)[-1].sequence + 1

    async def bury() -> None:
        async with open_consumer(nats_url, "fold") as mirror, connected(nats_url, for_ever=False) as client:
            headers = {MESSAGE_ID: message_id(person, early.id), SEQUENCE: str(place)}
            await client.jetstream().publish(subject(kind(early), person), encode(early), headers=headers)
            following = MirrorConsumer(
                context.database, context.stream, fixed_clock(now), lambda: open_consumer(nats_url, "fold")
            )
            while not following.state.dead:
                await following.step(mirror, 1.0)
            following._loop.close()

    asyncio.run(bury())
    listed = oo("deadletters", "list", "--json")
    assert [(each["reason"], each["deliveries"]) for each in listed.data] == [("not_in_database", MAX_DELIVERIES)]
    assert oo("deadletters", "replay", "--json").data == {"replayed": 0, "standing": 1}
    people.append(context.database, [early])
    assert oo("deadletters", "replay", "--json").data == {"replayed": 1, "standing": 0}
    with context.database.read() as session:
        assert dead_letters.total(session) == 0
    assert context.online.read(person).row.mood.mood == (5,)
