"""Reads the whole stream in its order, to compare or erase; it leaves no consumer behind."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from infra.mirror.jetstream.connection import own_errors
from infra.mirror.jetstream.stream_config import MESSAGE_ID, STREAM

__all__ = ["Held", "held"]

BATCH = 1_000
WAIT_S = 5.0


class Held(NamedTuple):
    """A message of the stream: its place there, its subject, whose event it says it is, and its bytes."""

    place: int
    subject: str
    message_id: str
    payload: bytes

    @property
    def person(self) -> str:
        """The last token of the subject."""
        return self.subject.rpartition(".")[2]


async def held(client: Client, subjects: str | None = None) -> AsyncIterator[Held]:
    """Yield every message that the stream holds now, or those of `subjects`; raises `Unavailable`."""
    js = client.jetstream()
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.NONE,
        filter_subject=subjects,
        inactive_threshold=60.0,
        mem_storage=True,
    )
    with own_errors():
        consumer = await js.add_consumer(STREAM, config)
        left = consumer.num_pending or 0
        reader = await js.pull_subscribe_bind(consumer=consumer.name, stream=STREAM)
    try:
        while left > 0:
            with own_errors():
                messages = await reader.fetch(min(BATCH, left), timeout=WAIT_S)
            left -= len(messages)
            for message in messages:
                yield _held(message)
    finally:
        with own_errors():
            await js.delete_consumer(STREAM, consumer.name)


def _held(message: Msg) -> Held:
    headers = message.headers or {}
    return Held(message.metadata.sequence.stream, message.subject, headers.get(MESSAGE_ID, ""), message.data)
