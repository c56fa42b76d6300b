"""The JSON form of signals: one table of all kinds, and the reader that turns them into events.

`POST /api/signals` and JSONL files both carry `{"id", "kind", "at", "source", "data"}`, and may say for which `version`
of this contract they were written. The reader never raises: what it cannot accept comes back as a `Refusal` that names
the rule and no value.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from google.protobuf.descriptor import EnumDescriptor

from data_contracts.durations import DAY_US, SECOND_US
from data_contracts.events.codec import KINDS, Event
from data_contracts.events.oo.events.v1 import signals_pb2
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, SubjectKey, to_us
from data_contracts.signals.values import (
    API_RULES,
    MAX_LABEL,
    MAX_NATIVE_ID,
    MAX_TITLE,
    RULES,
    Refuse,
    canonical_label,
    read_choice,
    read_flag,
    read_id,
    read_text,
    read_time,
    read_whole,
)

__all__ = [
    "API_RULES",
    "ENVELOPE",
    "FUTURE_S",
    "PAST_DAYS",
    "RULES",
    "SIGNALS",
    "VERSION",
    "Field",
    "Refusal",
    "SignalContract",
    "SubjectKeys",
    "Texts",
    "canonical_label",
    "hide_names",
    "to_event",
]

FUTURE_S = 5 * 60
PAST_DAYS = 3_653  # ten years
VERSION = 1  # moves on when a field or a kind changes its meaning; new ones alone do not move it
ENVELOPE = ("id", "kind", "at", "source", "data")
SubjectKeys = Callable[[str, str], SubjectKey]  # (kind of subject, native id) -> keyed hash
FieldType = Literal["native_id", "label", "title", "choice", "whole", "flag", "time"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a signal's data. `low` and `high` bound a number in `unit`, or the length of a text."""

    name: str
    type: FieldType
    why: str
    required: bool = False
    low: int = 0
    high: int = 0
    unit: str = ""
    choices: tuple[str, ...] = ()
    default: int | None = None  # what the event says when the signal does not

    @property
    def column(self) -> str | None:
        """The field of the event message that it becomes; None for a text, which no event holds."""
        if self.type == "title":
            return None
        return f"{self.name}_us" if self.type == "time" else self.name


@dataclass(frozen=True, slots=True)
class SignalContract:
    """One kind of signal: what it tells, whose consent it needs, and its fields."""

    source: Source
    says: str
    fields: tuple[Field, ...]

    @property
    def subject(self) -> Field | None:
        """The field that names what the signal is about, when it is about one thing."""
        return next((field for field in self.fields if field.type in {"native_id", "label"}), None)


class Texts(NamedTuple):
    """Raw words of a signal: never stored in the clear, never part of an event."""

    subject: SubjectKey | None = None
    title: str | None = None


class Refusal(NamedTuple):
    """A signal that was not accepted: the broken rule of `RULES`, and one sentence without any value."""

    rule: str
    message: str


def _choices(enumeration: EnumDescriptor) -> tuple[str, ...]:
    first, *others = enumeration.values
    prefix = first.name.removesuffix("UNSPECIFIED")
    return tuple(value.name.removeprefix(prefix).lower() for value in others)


def _native(name: str, why: str) -> Field:
    return Field(name, "native_id", why, required=True, low=1, high=MAX_NATIVE_ID)


def _whole(name: str, high: int, unit: str, why: str, *, required: bool = False, default: int | None = None) -> Field:
    return Field(name, "whole", why, required=required, low=1, high=high, unit=unit, default=default)


def _task() -> SignalContract:
    states = _choices(signals_pb2.TaskState.DESCRIPTOR)
    return SignalContract(
        Source.TASKS,
        "A task is new, changed, done or deleted; the newest signal of a task wins.",
        (
            _native("task", "the source's own id; only its keyed hash is kept"),
            Field("title", "title", "kept encrypted for 7 days, never in an event", low=1, high=MAX_TITLE),
            Field("state", "choice", "whether there is still something to do", required=True, choices=states),
            _whole("priority", 4, "1 is the highest", "how much it matters", default=4),
            Field("due", "time", "when it is due; the last moment of the local day when only the day counts"),
            Field("due_is_date", "flag", "true when only the day counts", default=False),
            Field("created", "time", "when it was written down"),
            Field("completed", "time", "when it was done"),
            _whole("effort_min", 1_440, "minutes", "what it takes, to fit a free gap"),
        ),
    )


def _event() -> SignalContract:
    return SignalContract(
        Source.CALENDAR,
        "One instance of a calendar event, recurrences already expanded; the newest signal of an instance wins.",
        (
            _native("event", "the instance's own id; only its keyed hash is kept"),
            Field("start", "time", "when it begins", required=True),
            Field("end", "time", "when it ends, not before it begins", required=True),
            Field("busy", "flag", "whether it takes the person's time", default=True),
            Field("all_day", "flag", "whether it spans whole days", default=False),
            Field("cancelled", "flag", "whether it no longer takes place", default=False),
        ),
    )


def _context() -> SignalContract:
    devices, places = (_choices(message.DESCRIPTOR) for message in (signals_pb2.Device, signals_pb2.Place))
    return SignalContract(
        Source.CONTEXT,
        "Where the person is and on what; what is not named keeps its last value.",
        (
            Field("device", "choice", "the device in use", choices=devices),
            Field("place", "choice", "a label, never a position", choices=places),
            Field("focus", "flag", "whether the device's focus mode is on"),
        ),
    )


SIGNALS: Mapping[str, SignalContract] = MappingProxyType(
    {
        "task_changed": _task(),
        "event_scheduled": _event(),
        "habit_logged": SignalContract(
            Source.HABITS,
            "A habit was done at the time of the signal.",
            (
                Field(
                    "habit",
                    "label",
                    "its name; kept encrypted for 7 days, in the event only its keyed hash",
                    required=True,
                    low=1,
                    high=MAX_LABEL,
                ),
            ),
        ),
        "mood_reported": SignalContract(
            Source.MOOD,
            "How the person feels at the time of the signal.",
            (
                _whole("mood", 5, "5 is the best", "the mood", required=True),
                _whole("energy", 5, "5 is the best", "the energy"),
            ),
        ),
        "context_observed": _context(),
        "tasks_synced": SignalContract(
            Source.TASKS, "All tasks of the source were read; what was said about them before still holds.", ()
        ),
        "calendar_synced": SignalContract(
            Source.CALENDAR, "The whole calendar of the source was read; what was said about it before still holds.", ()
        ),
    }
)


def to_event(
    item: Any, *, person: PersonId, received_at: datetime, subject_key: SubjectKeys
) -> tuple[Event, Texts] | Refusal:
    """Return the event of one signal and its raw texts apart, or the refusal; never raises for any JSON value."""
    try:
        return _read(item, person, to_us(received_at), subject_key)
    except Refuse as refused:
        return Refusal(refused.rule, str(refused))


def hide_names(event: Event, subject_key: SubjectKeys) -> str:
    """Put keyed hashes in place of the id and the source, which the caller chose; return the id that was chosen.

    The same id of the same person has the same hash, so that it still comes once.
    """
    claimed = event.id
    event.id, event.source = subject_key("signal_id", claimed), subject_key("signal_source", event.source)
    return claimed


def _read(item: Any, person: PersonId, received_us: int, subject_key: SubjectKeys) -> tuple[Event, Texts]:
    if not isinstance(item, dict) or not isinstance(item.get("data", {}), dict):
        raise Refuse("not_an_object", "signal")
    _check_version(item.get("version"))
    _check_names("signal", item, (*ENVELOPE, "version"), ENVELOPE)
    kind = item["kind"]
    if not isinstance(kind, str) or kind not in SIGNALS:
        raise Refuse("unknown_kind", "kind")
    event = Event(
        id=read_id(item["id"], "id"),
        person=person,
        at_us=_happened_us(item["at"], received_us),
        received_us=received_us,
        source=read_id(item["source"], "source"),
    )
    texts = _fill(event, kind, item["data"], subject_key)
    return event, texts


def _check_version(value: Any) -> None:
    """Look first: in a later version every other rule may be another one."""
    if value is not None and read_whole(value, "version", 1, math.inf) > VERSION:
        raise Refuse("newer_version", "version")


def _check_names(where: str, item: Mapping[Any, Any], known: tuple[str, ...], required: tuple[str, ...]) -> None:
    for name in required:
        if name not in item:
            raise Refuse("missing_field", f"{where}.{name}")
    if not item.keys() <= set(known):
        raise Refuse("unknown_field", where)


def _happened_us(value: Any, received_us: int) -> int:
    at_us = read_time(value, "at")
    if at_us > received_us + FUTURE_S * SECOND_US:
        raise Refuse("future_event", "at")
    if at_us < received_us - PAST_DAYS * DAY_US:
        raise Refuse("ancient_event", "at")
    return min(at_us, received_us)  # a clock that runs a little ahead must not put facts after "now"


def _fill(event: Event, kind: str, data: Mapping[str, Any], subject_key: SubjectKeys) -> Texts:
    """Write `data` into the event's body; null is the same as an optional field that is not there."""
    contract = SIGNALS[kind]
    known = tuple(field.name for field in contract.fields)
    _check_names("data", data, known, tuple(field.name for field in contract.fields if field.required))
    values: dict[str, Any] = {field.name: field.default for field in contract.fields if field.default is not None}
    subject, title = None, None
    for field in contract.fields:
        if data.get(field.name) is None and not field.required:
            continue
        value = _value(field, data[field.name])
        if field.type == "title":
            title = value
        elif field.type in {"native_id", "label"}:
            label = field.type == "label"
            title = value if label else title
            subject = values[field.name] = subject_key(field.name, canonical_label(value) if label else value)
        elif field.column is not None:
            values[field.column] = value
    _check_together(kind, values)
    getattr(event, kind).MergeFrom(KINDS[kind](**values))
    getattr(event, kind).SetInParent()
    return Texts(subject, title)


def _value(field: Field, value: Any) -> Any:
    where = f"data.{field.name}"
    match field.type:
        case "native_id" | "label" | "title":
            return read_text(value, where, field.high)
        case "whole":
            return read_whole(value, where, field.low, field.high)
        case "choice":
            return read_choice(value, where, field.choices)
        case "flag":
            return read_flag(value, where)
        case "time":
            return read_time(value, where)


def _check_together(kind: str, values: Mapping[str, Any]) -> None:
    if kind == "event_scheduled" and values["end_us"] < values["start_us"]:
        raise Refuse("ends_before_start", "data")
    if kind == "context_observed" and not values:
        raise Refuse("nothing_observed", "data")
