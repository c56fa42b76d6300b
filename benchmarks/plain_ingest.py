"""The plain way to take events in: each its own ORM row, its own commit and its own awaited publish."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import nats
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from data_contracts.events.codec import Event, encode, kind
from infra.database.all_tables import EventRow
from infra.database.engine.database import open_database
from infra.database.events.mirror_log import Waiting
from infra.mirror.jetstream.stream_config import MESSAGE_ID, message_id, subject

STREAM, PREFIX = "PLAIN", "plain."


async def publish_awaited(url: str, rows: Sequence[Waiting]) -> None:
    """Publish one message after the other, each acknowledged before the next."""
    client = await nats.connect(url)
    js = client.jetstream()
    await js.add_stream(name=STREAM, subjects=[f"{PREFIX}>"])
    for row in rows:
        headers = {MESSAGE_ID: message_id(row.person, row.id)}
        await js.publish(PREFIX + subject(row.kind, row.person), row.payload, headers=headers)
    await client.close()


async def _ingest(engine: object, url: str, events: Sequence[Event]) -> None:
    client = await nats.connect(url)
    js = client.jetstream()
    await js.add_stream(name=STREAM, subjects=[f"{PREFIX}>"])
    with Session(engine) as session:  # type: ignore[arg-type]  # an engine
        for each in events:
            payload = encode(each)
            session.add(
                EventRow(
                    id=each.id,
                    person=each.person,
                    kind=kind(each),
                    at_us=each.at_us,
                    received_us=each.received_us,
                    source=each.source,
                    payload=payload,
                )
            )
            session.commit()
            headers = {MESSAGE_ID: message_id(each.person, each.id)}
            await js.publish(PREFIX + subject(kind(each), each.person), payload, headers=headers)
    await client.close()


def ingest(path: Path, url: str, events: Sequence[Event]) -> None:
    """Write events into a migrated SQLite file one by one, with the same durability, and publish each."""
    open_database(path).close()
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _durable(connection: object, _: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[attr-defined]  # a DBAPI connection
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]  # as above

    asyncio.run(_ingest(engine, url, events))
    engine.dispose()
