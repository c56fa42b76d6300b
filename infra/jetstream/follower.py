"""Reads the mirror as it grows: a durable pull consumer with explicit acknowledgement, declared in code."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import BadRequestError, NotFoundError

from infra.jetstream.connection import connected, own_errors
from infra.jetstream.declared import SEQUENCE, STREAM, declare

__all__ = ["ACK_WAIT_S", "Delivery", "Follower", "follower", "read_at"]

ACK_WAIT_S = 30.0  # a message that nobody answers for comes again, to whoever asks next
MAX_UNDER_WAY = 5_000
RETRY_S = 0.5


class Delivery(NamedTuple):
    """One delivery of a message: where it lies, what it says, and how often it was handed out."""

    place: int
    subject: str
    sequence: int  # in the event table; 0 when the message does not say
    payload: bytes
    deliveries: int
    js: JetStreamContext
    message: Msg | None  # none when it was looked up and not handed out

    async def done(self) -> None:
        """Acknowledge for good; raises `Unavailable`."""
        with own_errors():
            if self.message is not None:
                await self.message.ack()

    async def again(self) -> None:
        """Ask for it once more, a little later; raises `Unavailable`."""
        with own_errors():
            if self.message is not None:
                await self.message.nak(delay=RETRY_S)

    async def erase(self) -> None:
        """Overwrite it in the stream's files; raises `Unavailable`."""
        with own_errors(), suppress(NotFoundError, BadRequestError):  # it has left the stream already
            await self.js.delete_msg(STREAM, self.place)


class Follower:
    """One reader of a durable consumer; several of them share its messages."""

    def __init__(self, js: JetStreamContext, reader: JetStreamContext.PullSubscription) -> None:
        self._js = js
        self._reader = reader

    async def fetch(self, limit: int, wait_s: float) -> list[Delivery]:
        """Return what is there, or the first that comes within `wait_s`; raises `Unavailable`."""
        with own_errors():
            try:
                return [_delivery(self._js, message) for message in await self._reader.fetch(limit, timeout=wait_s)]
            except TimeoutError:  # nothing new
                return []


@asynccontextmanager
async def follower(url: str, durable: str) -> AsyncIterator[Follower]:
    """Connect for ever, declare stream and consumer, and give what reads."""
    async with connected(url, for_ever=True) as client:
        js = client.jetstream()
        config = ConsumerConfig(
            durable_name=durable,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=MAX_UNDER_WAY,
        )
        with own_errors():
            await declare(js)
            await js.add_consumer(STREAM, config)
            reader = await js.pull_subscribe_bind(durable=durable, stream=STREAM)
        yield Follower(js, reader)


async def read_at(client: Client, place: int) -> Delivery | None:
    """Return what lies at a place of the stream, or None when it has left it; raises `Unavailable`."""
    js = client.jetstream()
    with own_errors():
        try:
            found = await js.get_msg(STREAM, place)
        except NotFoundError:
            return None
    return Delivery(place, found.subject or "", _sequence(found.headers), found.data or b"", 0, js, None)


def _sequence(headers: Mapping[str, str] | None) -> int:
    text = (headers or {}).get(SEQUENCE, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _delivery(js: JetStreamContext, message: Msg) -> Delivery:
    sequence = _sequence(message.headers)
    about = message.metadata
    return Delivery(
        about.sequence.stream, message.subject, sequence, message.data, about.num_delivered or 1, js, message
    )
