"""What a file named at its last import and names no more: deleted meetings and tasks must not block or nag for ever."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from data_contracts.codec import Event, kind
from data_contracts.events.oo.events.v1 import signals_pb2
from data_contracts.identifiers import SubjectKey, to_us
from data_contracts.signals import SubjectKeys
from infra.connectors.calendar_files import AFTER, BEFORE

SNAPSHOTS = (
    "icalendar:",
    "todoist_json:",
    "todoist_csv:",
)  # these files tell all that there is; tables are appended to


def subjects_of(events: Iterable[Event]) -> set[SubjectKey]:
    """Return the tasks and calendar instances that the events are about."""
    return {SubjectKey(subject) for event in events if (subject := _subject(event))}


def vanished(
    known: Iterable[Event], named: set[SubjectKey], *, now: datetime, subject_key: SubjectKeys
) -> Iterator[Event]:
    """Yield a withdrawal for each of `known` (the newest event per subject of one source) that is not `named` any more.

    An instance becomes cancelled when the window of this import covers it, an open task becomes deleted. Ask only
    after a file was read to its end without a refusal: a row that could not be read has not vanished.
    """
    low, high = to_us(now - BEFORE), to_us(now + AFTER)
    for event in known:
        if not event.source.startswith(SNAPSHOTS) or _subject(event) in named:
            continue
        gone = Event()
        gone.CopyFrom(event)
        if kind(event) == "event_scheduled":
            instance = gone.event_scheduled
            if instance.cancelled or not (low <= instance.end_us and instance.start_us < high):
                continue
            instance.cancelled, instance.busy = True, False
        elif event.task_changed.state == signals_pb2.TASK_STATE_OPEN:
            gone.task_changed.state = signals_pb2.TASK_STATE_DELETED
        else:
            continue
        gone.at_us = gone.received_us = to_us(now)
        gone.id = subject_key("event_id", f"vanished|{event.id}")
        yield gone


def _subject(event: Event) -> str:
    match kind(event):
        case "event_scheduled":
            return str(event.event_scheduled.event)
        case "task_changed":
            return str(event.task_changed.task)
    return ""
