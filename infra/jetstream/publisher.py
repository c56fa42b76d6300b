"""Publishes batches: pipelined, each message with its acknowledgement, no more under way than the server can hold."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import PubAck

from infra.database.mirror_log import Waiting
from infra.jetstream.connection import connected, own_errors
from infra.jetstream.declared import MESSAGE_ID, SEQUENCE, STREAM, declare, message_id, subject

__all__ = ["Publisher", "publisher"]

ACK_S = 5.0
PENDING = 4_000


class Publisher:
    """One connection of a relay; it ends with its server, and the next one begins by looking at the stream again."""

    def __init__(self, client: Client, js: JetStreamContext, last: int) -> None:
        self.last = last  # the stream's newest sequence when this connection began
        self._client = client
        self._js = js

    async def publish(self, rows: Sequence[Waiting]) -> Mapping[int, int]:
        """Return the stream's sequence by the event's, of those that the server acknowledged in time.

        Raises `Unavailable` when the connection is gone.
        """
        with own_errors():
            under_way = [await self._send(row) for row in rows]
            done, late = await asyncio.wait(under_way, timeout=ACK_S) if under_way else (set(), set())
        for future in late:
            future.cancel()
        sequences = {future: row.sequence for future, row in zip(under_way, rows, strict=True)}
        return {sequences[future]: int(future.result().seq) for future in done if future.exception() is None}

    async def _send(self, row: Waiting) -> "asyncio.Future[PubAck]":
        headers = {MESSAGE_ID: message_id(row.person, row.id), SEQUENCE: str(row.sequence)}
        return await self._js.publish_async(subject(row.kind, row.person), row.payload, stream=STREAM, headers=headers)

    @property
    def alive(self) -> bool:
        """Whether the server is still there."""
        return bool(self._client.is_connected)


@asynccontextmanager
async def publisher(url: str) -> AsyncIterator[Publisher]:
    """Connect, declare the stream, and give what publishes; raises `Unavailable`."""
    async with connected(url, for_ever=False) as client:
        js = client.jetstream(publish_async_max_pending=PENDING)
        with own_errors():
            info = await declare(js)
        yield Publisher(client, js, info.state.last_seq)
