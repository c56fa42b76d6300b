"""Events as one data frame per kind: the message's columns, its times, and the row that it came from."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pandas as pd

from data_contracts.events.codec import KINDS, Event, body, kind

ROW = "row"
ENVELOPE_COLUMNS = ("id", "source", "at_us", "received_us")


def signal_columns(signal: str) -> tuple[str, ...]:
    """Return the columns of a kind's frame after `row`."""
    return (*ENVELOPE_COLUMNS, *(field.name for field in KINDS[signal].DESCRIPTOR.fields))


def signal_frames(events: Iterable[Event]) -> dict[str, pd.DataFrame]:
    """Return one frame per kind that occurs; `row` is the event's position in the input."""
    rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for position, event in enumerate(events):
        rows[kind(event)].append((position, *_values(event)))
    return {
        signal: pd.DataFrame(values, columns=[ROW, *signal_columns(signal)], dtype=object)
        for signal, values in rows.items()
    }


def _values(event: Event) -> tuple[Any, ...]:
    message = body(event)
    fields = (
        None if field.has_presence and not message.HasField(field.name) else getattr(message, field.name)
        for field in message.DESCRIPTOR.fields
    )
    return (*(getattr(event, name) for name in ENVELOPE_COLUMNS), *fields)
