"""Repairs derived state: the mirror from the table, features from events, dead letters once their cause is gone."""

import asyncio
import hashlib
import time
from typing import NamedTuple

from data_contracts.errors import NotFound, Unavailable
from infra.database.events import dead_letters, mirror_log
from infra.mirror.jetstream.bundled_server import known_url
from infra.mirror.relay import WINDOW_US, Relay
from oo.runtime import Runtime

PATIENCE_S = 600.0
TICK_S = 0.05


class Replayed(NamedTuple):
    """How many dead letters went through, and how many still stand."""

    replayed: int
    standing: int


def mirror_url(runtime: Runtime) -> str:
    """Return the mirror's address: the configured one, or that of this home's bundled server."""
    url = runtime.settings.nats_url or known_url(runtime.settings.nats)
    if url is None:
        raise NotFound("this home has no mirror; set NATS_URL, or start one with `oo up --nats`")
    return url


def verify(runtime: Runtime) -> tuple[dict[str, int], bool]:
    """Compare table and mirror over the mirror's window; return the counts and whether the mirror is sound."""
    from infra.mirror.jetstream.mirror_comparison import compare  # noqa: PLC0415 - only a home with a mirror imports the driver

    found = asyncio.run(compare(runtime.database, mirror_url(runtime), _since_us(runtime)))
    return found._asdict(), found.sound


def rebuild_mirror(runtime: Runtime) -> int:
    """Empty the stream, carry everything of its window into it again, and return how many events that were."""
    from infra.mirror.jetstream.mirror_comparison import empty  # noqa: PLC0415 - as above
    from infra.mirror.jetstream.publisher import publisher  # noqa: PLC0415 - as above

    url = mirror_url(runtime)
    asyncio.run(empty(url))
    with runtime.database.unit_of_work() as uow:
        count = mirror_log.unmark_since(uow, _since_us(runtime))
        uow.commit()
    with Relay(runtime.database, runtime.clock, lambda: publisher(url)):
        deadline = time.monotonic() + PATIENCE_S
        while _waiting(runtime):
            if time.monotonic() > deadline:
                raise Unavailable("the mirror does not take the events; look at nats/server.log and run this again")
            time.sleep(TICK_S)
    return count


def replay(runtime: Runtime) -> Replayed:
    """Read dead letters from the mirror again; those that can be taken in now stand no more."""
    with runtime.database.read() as session:
        standing = dead_letters.standing(session)
    done = asyncio.run(_read_again(runtime, standing)) if standing else []
    with runtime.database.unit_of_work() as uow:
        dead_letters.mark_replayed(uow, done, at_us=runtime.now_us())
        uow.commit()
    return Replayed(len(done), len(standing) - len(done))


async def _read_again(runtime: Runtime, standing: list[dead_letters.DeadLetter]) -> list[int]:
    from flows.stream.mirror_consumer import judge  # noqa: PLC0415 - as above
    from infra.mirror.jetstream.connection import connected  # noqa: PLC0415 - as above
    from infra.mirror.jetstream.consumer import read_at  # noqa: PLC0415 - as above

    done = []
    async with connected(mirror_url(runtime), for_ever=False) as client:
        for letter in standing:
            message = await read_at(client, letter.place)
            same = message is not None and hashlib.sha256(message.payload).hexdigest() == letter.digest
            if message is not None and same and judge(runtime.database, runtime.stores.stream, message) is None:
                done.append(letter.number)
    return done


def _since_us(runtime: Runtime) -> int:
    return runtime.now_us() - WINDOW_US


def _waiting(runtime: Runtime) -> int:
    with runtime.database.read() as session:
        return mirror_log.lag(session, runtime.now_us()).events
