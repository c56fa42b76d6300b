"""The configuration of the stream: one stream of all events, subjects that name kind and person."""

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, StorageType, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from data_contracts.durations import DAY_S

__all__ = ["MAX_BYTES", "MESSAGE_ID", "SEQUENCE", "STREAM", "WINDOW_S", "declare", "message_id", "of_person", "subject"]

STREAM = "OO_EVENTS"
PREFIX = "oo.ev"
MESSAGE_ID = "Nats-Msg-Id"
SEQUENCE = "Oo-Sequence"  # the event's place in the event table
WINDOW_S = 30 * DAY_S  # what is older leaves by age; the database has it
MAX_BYTES = 1 << 30  # a full stream refuses what is new, and the relay waits with it
DUPLICATES_S = 120


def subject(kind: str, person: str) -> str:
    """Return where an event is published."""
    return f"{PREFIX}.{kind}.{person}"


def of_person(person: str) -> str:
    """Return the filter of all subjects of a person."""
    return f"{PREFIX}.*.{person}"


def message_id(person: str, event_id: str) -> str:
    """Return what the server recognises a repetition by; an event's id is unique per person only."""
    return f"{person}/{event_id}"


async def declare(js: JetStreamContext) -> StreamInfo:
    """Make the stream exist as declared and return what it holds."""
    wanted = StreamConfig(
        name=STREAM,
        subjects=[f"{PREFIX}.>"],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=WINDOW_S,
        max_bytes=MAX_BYTES,
        duplicate_window=DUPLICATES_S,
        allow_atomic=True,
    )
    try:
        found = await js.stream_info(STREAM)
    except NotFoundError:
        return await js.add_stream(wanted)
    return found if _governed(found.config) == _governed(wanted) else await js.update_stream(wanted)


def _governed(config: StreamConfig) -> tuple[object, ...]:
    return config.max_age, config.max_bytes, config.duplicate_window, bool(config.allow_atomic)
