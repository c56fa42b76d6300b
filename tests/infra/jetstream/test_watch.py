"""The watch beside the relay, with a real server: what it lost is counted, what was never there is not."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from nats.js import JetStreamContext

from data_contracts.identifiers import PersonId, to_us
from infra.clock import fixed_clock
from infra.database.engine.database import Database
from infra.mirror.jetstream.connection import connected
from infra.mirror.jetstream.stream_config import STREAM
from infra.mirror.jetstream.stream_stats import extent
from infra.mirror.reconciler import Extent, MirrorReconciler
from tests.flows import people
from tests.infra.jetstream.mirrors import relay_of, wait_until, waiting

NOW = datetime(2026, 3, 4, 13, 0, tzinfo=UTC)


def harm(url: str, how: Callable[[JetStreamContext], Awaitable[object]]) -> None:
    """Do something to the stream that oO never does."""

    async def do() -> None:
        async with connected(url, for_ever=False) as client:
            await how(client.jetstream())

    asyncio.run(do())


def test_a_server_without_a_stream_has_an_empty_extent(nats_url: str) -> None:
    """Nothing there is an answer."""
    assert asyncio.run(extent(nats_url)) == Extent()


@pytest.mark.parametrize(
    ("how", "lost"),
    [
        (lambda js: js.delete_msg(STREAM, 4), 1),
        (lambda js: js.purge_stream(STREAM, seq=5), 4),
        (lambda js: js.delete_stream(STREAM), 16),
    ],
    ids=["a hole", "a lost beginning", "a lost stream"],
)
def test_what_the_mirror_lost_is_counted_and_waits_to_be_sent_again(
    database: Database,
    person: PersonId,
    nats_url: str,
    how: Callable[[JetStreamContext], Awaitable[object]],
    lost: int,
) -> None:
    """A sound mirror has no gap, a harmed one has as many as it lost, a silent server leaves the last picture."""
    clock = fixed_clock(NOW)
    people.settle(database, person, NOW)
    with relay_of(database, nats_url, clock):
        people.append(database, [people.task(person, number, to_us(NOW)) for number in range(10)])
        wait_until(lambda: waiting(database) == 0)
    watch = MirrorReconciler(database, clock, lambda: asyncio.run(extent(nats_url)))
    watch.look()
    assert watch.gap == 0
    assert 0 < watch.used < 0.01
    harm(nats_url, how)
    watch.look()
    assert watch.gap == watch.mended == waiting(database) == lost
    silent = MirrorReconciler(database, clock, lambda: asyncio.run(extent("nats://127.0.0.1:1")))
    silent.gap = 7
    silent.look()
    assert silent.gap == 7
