"""Publishes batches: many messages under one acknowledgement, few or repeated ones pipelined with one each.

An atomic batch (ADR-50 of NATS) costs a fifth of the processor time of as many acknowledged messages. The server
refuses one that holds a message it has already, or has no room for; then each message is asked about by itself.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from secrets import token_hex

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import PubAck, StreamInfo
from nats.js.errors import APIError

from infra.database.events.mirror_log import Waiting
from infra.mirror.jetstream.connection import connected, own_errors
from infra.mirror.jetstream.stream_config import MESSAGE_ID, SEQUENCE, STREAM, declare, message_id, subject

__all__ = ["Publisher", "publisher"]

ACK_S = 5.0
BATCH_ID, BATCH_SEQUENCE, BATCH_COMMIT = "Nats-Batch-Id", "Nats-Batch-Sequence", "Nats-Batch-Commit"
PENDING = 4_000
TOGETHER = 1_000  # messages in an atomic batch; the server's own limit
FEW = 24  # messages that are sooner there one by one


class Publisher:
    """One connection of a relay; it ends with its server, and the next one begins by looking at the stream again."""

    def __init__(self, client: Client, js: JetStreamContext, info: StreamInfo) -> None:
        self.last = info.state.last_seq  # the stream's newest sequence when this connection began
        self._atomic = bool(info.config.allow_atomic)  # servers before 2.12 know of no batches
        self._client = client
        self._js = js

    async def publish(self, rows: Sequence[Waiting]) -> Mapping[int, int]:
        """Return the stream's sequence by the event's, of those that the server acknowledged in time.

        Raises `Unavailable` when the connection is gone.
        """
        places: dict[int, int] = {}
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            together = self._atomic and len(some) > FEW
            places |= (await self._together(some) if together else None) or await self._one_by_one(some)
        return places

    async def _together(self, rows: Sequence[Waiting]) -> Mapping[int, int] | None:
        """Publish an atomic batch; return None when the server refuses it."""
        batch = {BATCH_ID: token_hex(8)}
        *others, last = enumerate(rows, 1)
        with own_errors():
            for number, row in others:
                headers = {**_headers(row), **batch, BATCH_SEQUENCE: str(number)}
                await self._client.publish(subject(row.kind, row.person), row.payload, headers=headers)
            number, row = last
            headers = {**_headers(row), **batch, BATCH_SEQUENCE: str(number), BATCH_COMMIT: "1"}
            try:
                ack = await self._js.publish(
                    subject(row.kind, row.person), row.payload, timeout=ACK_S, stream=STREAM, headers=headers
                )
            except APIError:
                return None
        first = ack.seq - len(rows) + 1
        return {row.sequence: first + index for index, row in enumerate(rows)}

    async def _one_by_one(self, rows: Sequence[Waiting]) -> Mapping[int, int]:
        with own_errors():
            under_way = [await self._send(row) for row in rows]
            done, late = await asyncio.wait(under_way, timeout=ACK_S) if under_way else (set(), set())
        for future in late:
            future.cancel()
        sequences = {future: row.sequence for future, row in zip(under_way, rows, strict=True)}
        return {sequences[future]: int(future.result().seq) for future in done if future.exception() is None}

    async def _send(self, row: Waiting) -> "asyncio.Future[PubAck]":
        where = subject(row.kind, row.person)
        return await self._js.publish_async(where, row.payload, stream=STREAM, headers=_headers(row))

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
        yield Publisher(client, js, info)


def _headers(row: Waiting) -> dict[str, str]:
    return {MESSAGE_ID: message_id(row.person, row.id), SEQUENCE: str(row.sequence)}
