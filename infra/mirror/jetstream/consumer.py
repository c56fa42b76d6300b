"""Reads the mirror as it grows: a durable pull consumer with explicit acknowledgement."""

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import BadRequestError, NotFoundError

from data_contracts.errors import Unavailable
from infra.mirror.jetstream.connection import connected, own_errors
from infra.mirror.jetstream.stream_config import SEQUENCE, STREAM, declare

__all__ = ["ACK_WAIT_S", "Consumer", "Delivery", "open_consumer", "read_at"]

ACK_WAIT_S = 30.0  # an unacknowledged message is delivered again
MAX_UNDER_WAY = 5_000
RETRY_S = 0.5
REQUEST_S, GRACE_S = 1.0, 0.5  # a request that a restarted server knows nothing of is made again after their sum
STATUS = "Status"
ENDED = {"404", "408"}  # nothing was there, or not enough; any other status means that stream or consumer are gone


@dataclass(slots=True)
class Delivery:
    """One delivery of a message; or one that was looked up and not handed out, and has no `message`."""

    subject: str
    sequence: int  # in the event table; 0 when the message does not say
    payload: bytes
    js: JetStreamContext
    message: Msg | None = None
    looked_up: int = 0

    @property
    def place(self) -> int:
        """Where in the stream it lies."""
        return self.looked_up if self.message is None else self.message.metadata.sequence.stream

    @property
    def deliveries(self) -> int:
        """How often it was handed out, this time included."""
        return 0 if self.message is None else self.message.metadata.num_delivered or 1

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


class Consumer:
    """One reader of a durable consumer; several of them share its messages.

    It asks for many messages at once and takes them from one subscription as they come; the driver's own `fetch`
    makes a task and a timer for each message, which costs more than folding it.
    """

    def __init__(self, client: Client, js: JetStreamContext, durable: str) -> None:
        self._client = client
        self._js = js
        self._ask = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{durable}"
        self._inbox = client.new_inbox()
        self._arrived: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._refusal: str | None = None
        self._open = 0  # how many messages the last request can still bring
        self._until_s = 0.0  # when the server has answered or dropped it

    async def begin(self) -> None:
        """Listen; raises `Unavailable`."""
        with own_errors():
            await self._client.subscribe(self._inbox, cb=self._take)

    async def fetch(self, limit: int, wait_s: float) -> list[Delivery]:
        """Return what is there, or the first that comes within `wait_s`; raises `Unavailable`."""
        if not self._arrived:
            await self._wait(limit, wait_s)
        count = min(limit, len(self._arrived))
        return [_delivery(self._js, self._arrived.popleft()) for _ in range(count)]

    async def _wait(self, limit: int, wait_s: float) -> None:
        now_s = time.monotonic()
        with own_errors():
            if not self._client.is_connected:
                self._open = 0
            if not self._open or now_s > self._until_s:
                self._open, self._until_s = limit, now_s + REQUEST_S + GRACE_S
                request = {"batch": limit, "expires": int(REQUEST_S * 1e9)}
                await self._client.publish(self._ask, json.dumps(request).encode(), reply=self._inbox)
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), wait_s)
            except TimeoutError:  # nothing new
                return
            await asyncio.sleep(0)  # the rest of what has just been read
        if self._refusal is not None and not self._arrived:
            raise Unavailable(f"the mirror's consumer does not answer (status {self._refusal})")

    async def _take(self, message: Msg) -> None:
        status = message.headers.get(STATUS) if message.headers else None
        if status is None:
            self._open = max(self._open - 1, 0)
            self._arrived.append(message)
        else:  # the request has ended, with fewer messages than asked for
            self._open = 0
            self._refusal = None if status in ENDED else status
        self._news.set()


@asynccontextmanager
async def open_consumer(url: str, durable: str) -> AsyncIterator[Consumer]:
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
        reader = Consumer(client, js, durable)
        await reader.begin()
        yield reader


async def read_at(client: Client, place: int) -> Delivery | None:
    """Return what lies at a place of the stream, or None when it has left it; raises `Unavailable`."""
    js = client.jetstream()
    with own_errors():
        try:
            found = await js.get_msg(STREAM, place)
        except NotFoundError:
            return None
    return Delivery(found.subject or "", _sequence(found.headers), found.data or b"", js, looked_up=place)


def _sequence(headers: Mapping[str, str] | None) -> int:
    text = (headers or {}).get(SEQUENCE, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _delivery(js: JetStreamContext, message: Msg) -> Delivery:
    return Delivery(message.subject, _sequence(message.headers), message.data, js, message)
