"""Encodes and decodes events, names their kinds, and defines their stored form."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, cast

from google.protobuf.message import DecodeError, Message

from data_contracts.errors import Malformed
from data_contracts.events.oo.events.v1.event_pb2 import Event

__all__ = ["KINDS", "Event", "Sequenced", "StoredEvent", "body", "decode", "encode", "kind"]

KINDS: Mapping[str, type[Message]] = MappingProxyType(
    {
        field.name: cast("type[Message]", type(getattr(Event(), field.name)))
        for field in Event.DESCRIPTOR.oneofs_by_name["body"].fields
    }
)


class Sequenced(NamedTuple):
    """An event and its place in the event table."""

    sequence: int
    event: Event


class StoredEvent(NamedTuple):
    """An event as table and snapshots keep it: its bytes, and what is looked for without them."""

    person: str
    sequence: int
    id: str
    kind: str
    at_us: int
    received_us: int
    source: str
    payload: bytes


def encode(event: Event) -> bytes:
    """Return the canonical bytes of an event: the same event gives the same bytes on one build."""
    return event.SerializeToString(deterministic=True)


def decode(payload: bytes) -> Event:
    """Return the event of `payload`; raises `Malformed` when it is none or has no known body."""
    try:
        event = Event.FromString(payload)
    except DecodeError as error:
        raise Malformed(f"an event of {len(payload)} bytes cannot be decoded: {error}") from error
    if event.WhichOneof("body") is None:
        raise Malformed(f"event {event.id!r} has no body that this version knows")
    return event


def kind(event: Event) -> str:
    """Return the name of the event's body, for example `task_changed`."""
    name = event.WhichOneof("body")
    if name is None:
        raise Malformed(f"event {event.id!r} has no body")
    return str(name)


def body(event: Event) -> Message:
    """Return the message inside the envelope."""
    return cast("Message", getattr(event, kind(event)))
