"""The processor over a real mirror ends where the table ends, whatever the mirror does."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import PersonId, to_us
from feature_repo.online import OnlineFile
from feature_repo.state.served_row import served_row
from flows.stream.mirror_consumer import MAX_DELIVERIES, MirrorConsumer
from flows.stream.partitions import EVERYBODY, Share, share_of
from flows.stream.processor import Stream
from infra.clock import fixed_clock
from infra.database.engine.database import Database
from infra.database.events import dead_letters, mirror_log
from infra.database.maintenance import erasure
from infra.mirror.jetstream.consumer import open_consumer
from infra.mirror.jetstream.stream_config import subject
from infra.vault import Vault
from tests.flows import people
from tests.flows.test_stream import living, online, truth
from tests.infra.jetstream.conftest import nats_server, nats_url
from tests.infra.jetstream.mirrors import relay_of, wait_until, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["living", "nats_server", "nats_url", "online"]


class SentMessage:
    """A delivery from nowhere."""

    def __init__(self, sequence: int, subject: str, payload: bytes, deliveries: int = 1) -> None:
        self.place = self.sequence = sequence
        self.subject = subject
        self.payload = payload
        self.deliveries = deliveries
        self.post: list[SentMessage] = []
        self.taken = False

    async def done(self) -> None:
        """Never again."""
        self.taken = True

    async def erase(self) -> None:
        """Leave no byte."""
        self.payload = b""

    async def again(self) -> None:
        """Hand out once more."""
        self.deliveries += 1
        self.post.append(self)


class Post:
    """A mirror that hands out what it is given, and again what was sent back."""

    def __init__(self, letters: Sequence[SentMessage]) -> None:
        self.waiting = list(letters)
        for letter in self.waiting:
            letter.post = self.waiting

    async def fetch(self, limit: int, _: float) -> list[SentMessage]:
        """Return the next."""
        batch = self.waiting[:limit]
        del self.waiting[:limit]
        return batch


def letters(database: Database) -> list[SentMessage]:
    """Return a letter for each event of the table."""
    with database.read() as session:
        rows = mirror_log.waiting(session, 10_000)
    return [SentMessage(row.sequence, subject(row.kind, row.person), row.payload) for row in rows]


def deliver(database: Database, stream: Stream, now: datetime, post: Post, share: Share = EVERYBODY) -> MirrorConsumer:
    """Let a processor take everything that the post has."""

    @asynccontextmanager
    async def connect() -> "AsyncIterator[Post]":
        yield post

    following = MirrorConsumer(database, stream, fixed_clock(now), connect, share)

    async def drain() -> None:
        while await following.step(post, 0):
            pass

    asyncio.run(drain())
    following._loop.close()
    return following


@pytest.fixture
def stream(living: Database, online: OnlineFile, now: datetime) -> Stream:
    """Return a fold that no bus drives."""
    return Stream(database=living, online=online, clock=fixed_clock(now))


def test_late_doubled_and_shuffled_messages_end_in_the_sorted_state(
    living: Database, online: OnlineFile, stream: Stream, person: PersonId, now: datetime
) -> None:
    """The table's order rules, the mirror's does not."""
    people.append(living, [people.task(person, n % 30, to_us(now) + n, state=1 + n % 2) for n in range(300)])
    post = letters(living) * 2
    random.Random(7).shuffle(post)  # noqa: S311 - a shuffle, not a secret
    following = deliver(living, stream, now, Post(post))
    assert following.state.handled == len(post)
    assert online.read(person).row == served_row(truth(living, person), online.read(person).event_us)


def test_a_poison_message_becomes_a_dead_letter_and_holds_nobody_up(
    living: Database, online: OnlineFile, stream: Stream, person: PersonId, now: datetime
) -> None:
    """It is tried as often as agreed, described without its content, and the next are processed."""
    people.append(living, [people.mood(person, to_us(now), 5)])
    good = letters(living)
    poison = [
        SentMessage(901, subject("mood_reported", person), b"\xff\xff"),
        SentMessage(902, subject("mood_reported", "f" * 32), good[-1].payload),
        SentMessage(10_000, good[-1].subject, good[-1].payload),
    ]
    following = deliver(living, stream, now, Post([*poison, *good]))
    assert online.read(person).row.mood.mood == (5,)
    with living.read() as session:
        found = {(letter.reason, letter.person, letter.deliveries) for letter in dead_letters.standing(session)}
    assert found == {
        ("unreadable", person, MAX_DELIVERIES),
        ("wrong_subject", None, MAX_DELIVERIES),
        ("not_in_database", person, MAX_DELIVERIES),
    }
    assert following.state.dead == 3
    assert all(letter.taken and letter.deliveries == 1 for letter in good)


def test_shares_split_the_people_and_a_share_can_change_hands(
    database: Database, online: OnlineFile, now: datetime
) -> None:
    """Each person has exactly one processor, and a successor goes on from the heads."""
    crowd = [PersonId(f"{n:032x}") for n in range(12)]
    for number, one in enumerate(crowd):
        people.settle(database, one, now, name=f"person {number}")
        people.append(database, [people.mood(one, to_us(now), 2)])
    shares = [Share(part, 3) for part in (1, 2, 3)]
    for share in shares:
        deliver(
            database,
            Stream(database=database, online=online, clock=fixed_clock(now)),
            now,
            Post(letters(database)),
            share,
        )
        folded = {one for one in crowd if online.read(one).row.mood.mood}
        assert folded == {one for one in crowd if any(s.holds(one) for s in shares[: share.part])}
    people.append(database, [people.mood(one, to_us(now) + 1, 4) for one in crowd])
    successor = Stream(database=database, online=online, clock=fixed_clock(now))
    for share in (Share(1, 2), Share(2, 2)):
        deliver(database, successor, now, Post(letters(database)), share)
    assert {online.read(one).row.mood.mood for one in crowd} == {(4, 2)}


def test_a_share_is_read_from_its_words() -> None:
    """The first part is part one."""
    assert (share_of(None), share_of("2/3")) == (Share(1, 1), Share(2, 3))
    assert share_of("1/1").durable == "fold"


def newest_mood_is(online: OnlineFile, person: PersonId, mood: int) -> bool:
    """Say whether a decision would see it."""
    return online.read(person).row.mood.mood[:1] == (mood,)


def test_a_commit_reaches_the_online_row_through_the_mirror(
    living: Database, online: OnlineFile, person: PersonId, now: datetime, nats_url: str
) -> None:
    """Commit, relay, server, consumer, fold: with nobody listening to the bus but the relay."""
    stream = Stream(database=living, online=online, clock=fixed_clock(now))
    processor = MirrorConsumer(living, stream, fixed_clock(now), lambda: open_consumer(nats_url, "fold"))
    with relay_of(living, nats_url, fixed_clock(now)), processor:
        for turn in range(1, 6):
            people.append(living, [people.mood(person, to_us(now) + turn, turn)])
            wait_until(partial(newest_mood_is, online, person, turn))
        wait_until(lambda: processor.state.handled == len(CONSENT_SIGNALS) + 5 and waiting(living) == 0)


def test_what_arrives_about_an_erased_person_is_erased_too(
    living: Database, stream: Stream, person: PersonId, now: datetime, home: Path
) -> None:
    """A late or replayed message is no dead letter: it leaves the mirror."""
    people.append(living, [people.mood(person, to_us(now))])
    late = letters(living)
    vault = Vault(home / "keys")
    living.tombstone = vault.tombstone
    erasure.erase(living, vault, person, now_us=to_us(now))
    deliver(living, stream, now, Post(late))
    assert all(letter.taken and letter.payload == b"" for letter in late)
    with living.read() as session:
        assert dead_letters.standing(session) == []
