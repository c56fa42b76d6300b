"""Compares the mirror with the table, id by id and hash by hash; rebuilds it, and erases a person from it."""

import asyncio
import hashlib
from contextlib import suppress
from typing import NamedTuple

from nats.js.errors import NotFoundError

from data_contracts.identifiers import PersonId
from infra.database.engine.database import Database
from infra.database.events import mirror_log
from infra.mirror.jetstream.connection import connected, own_errors
from infra.mirror.jetstream.scan import held
from infra.mirror.jetstream.stream_config import STREAM, declare, message_id, of_person

__all__ = ["Comparison", "compare", "empty", "forget"]

TOGETHER = 200


class Comparison(NamedTuple):
    """What table and mirror hold of one window; only `events`, `waiting` and `doubled` may differ from zero."""

    events: int
    waiting: int  # not yet mirrored, and known to be
    missing: int  # marked, and not in the mirror
    different: int  # there, with other bytes
    foreign: int  # in the mirror, and not in the table
    doubled: int  # there more than once, which the inbox makes harmless

    @property
    def sound(self) -> bool:
        """Whether the mirror holds what the marks say."""
        return not (self.missing or self.different or self.foreign)


async def compare(database: Database, url: str, since_us: int) -> Comparison:
    """Return how the mirror differs from the events that came in since then; raises `Unavailable`."""
    found: dict[str, bytes] = {}
    doubled = 0
    async with connected(url, for_ever=False) as client:
        with own_errors():
            await declare(client.jetstream())
        async for message in held(client):
            doubled += message.message_id in found
            found[message.message_id] = hashlib.sha256(message.payload).digest()
    events = waiting = missing = different = 0
    with database.read() as session:
        for event in mirror_log.mirrored(session, 0):
            digest = found.pop(message_id(event.person, event.id), None)
            if event.received_us < since_us:
                continue
            events += 1
            waiting += digest is None and not event.marked
            missing += digest is None and event.marked
            different += digest is not None and digest != hashlib.sha256(event.payload).digest()
    return Comparison(events, waiting, missing, different, len(found), doubled)


async def empty(url: str) -> None:
    """Throw the stream away and declare it anew; its readers come back by themselves."""
    async with connected(url, for_ever=False) as client:
        js = client.jetstream()
        with own_errors():
            with suppress(NotFoundError):  # it was never made, or is gone already
                await js.delete_stream(STREAM)
            await declare(js)


async def forget(url: str, person: PersonId) -> int:
    """Overwrite each message of a person in the stream's files and purge their subjects; return how many there were."""
    async with connected(url, for_ever=False) as client:
        js = client.jetstream()
        with own_errors():
            await declare(js)
        places = [message.place async for message in held(client, of_person(person))]
        with own_errors():
            for start in range(0, len(places), TOGETHER):
                await asyncio.gather(*(js.delete_msg(STREAM, place) for place in places[start : start + TOGETHER]))
            await js.purge_stream(STREAM, subject=of_person(person))
    return len(places)
