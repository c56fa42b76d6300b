"""Compares what a file said at earlier imports with what it says now.

A file of a calendar or of tasks is a snapshot: what it names no more is gone, and must not block or nag for ever; what
it says again, after it had said something else, is news although the very same words were imported once.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from data_contracts.events.codec import Event, body, kind
from data_contracts.events.oo.events.v1 import signals_pb2
from data_contracts.identifiers import to_us
from data_contracts.signals.kinds import SubjectKeys
from infra.connectors.calendars.ics_files import AFTER, BEFORE
from infra.connectors.connector import ReadContext

# The other files are appended to: an old mood does not become a new one because its file was read again.
SYNCED = {"icalendar": "calendar_synced", "todoist_json": "tasks_synced", "todoist_csv": "tasks_synced"}
SNAPSHOTS = tuple(f"{connector}:" for connector in SYNCED)


@dataclass(slots=True)
class Known:
    """All that was accepted from one `Event.source`: the ids, and the newest event per subject."""

    ids: set[str] = field(default_factory=set)
    newest: dict[str, Event] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Known":
        """Return what these events say, in any order."""
        known = cls()
        for event in events:
            known.ids.add(event.id)
            subject = subject_of(event)
            if not subject:
                continue
            newest = known.newest.get(subject)
            if newest is None or _order(event) > _order(newest):
                known.newest[subject] = event
        return known


def subject_of(event: Event) -> str:
    """Return the task or the calendar instance that an event is about, or an empty text."""
    match kind(event):
        case "event_scheduled":
            return str(event.event_scheduled.event)
        case "task_changed":
            return str(event.task_changed.task)
    return ""


def restored(event: Event, known: Known, *, now: datetime, subject_key: SubjectKeys) -> Event:
    """Return the event, made anew at `now` where the order of events alone would not let it win.

    That is so when its very words were imported before and something else came between, when the file did not name it
    for a while, and when the source gives no new time to what it changed.
    """
    newest = known.newest.get(subject_of(event)) if event.source.startswith(SNAPSHOTS) else None
    if newest is None or body(newest) == body(event):
        return event
    withdrawn = newest.at_us == newest.received_us and _is_gone(newest)
    if event.id not in known.ids and not withdrawn and event.at_us != newest.at_us:
        return event
    return _anew(event, now, subject_key("event_id", f"restored|{event.id}|{newest.id}"))


def vanished(known: Known, named: set[str], *, now: datetime, subject_key: SubjectKeys) -> Iterator[Event]:
    """Yield a withdrawal for each subject that is known and not `named` (by `subject_of`) any more.

    An instance becomes cancelled when the window of this import covers it, an open task becomes deleted. Ask only
    after the file was read to its end without a refusal: a row that could not be read has not vanished.
    """
    low, high = to_us(now - BEFORE), to_us(now + AFTER)
    for subject, event in known.newest.items():
        if not event.source.startswith(SNAPSHOTS) or subject in named or _is_gone(event):
            continue
        gone = _anew(event, now, subject_key("event_id", f"vanished|{event.id}"))
        if kind(event) == "event_scheduled":
            instance = gone.event_scheduled
            if instance.end_us < low or instance.start_us >= high:
                continue
            instance.cancelled, instance.busy = True, False
        elif event.task_changed.state == signals_pb2.TASK_STATE_OPEN:
            gone.task_changed.state = signals_pb2.TASK_STATE_DELETED
        else:
            continue
        yield gone


def synced(source: str, content: str, context: ReadContext) -> Event | None:
    """Return the word that a source was read completely, one a day for the same `content` (a digest of its bytes).

    None for a source that is appended to.
    """
    body_name = SYNCED.get(source.partition(":")[0])
    if body_name is None:
        return None
    now_us = to_us(context.now)
    identifier = context.subject_key("event_id", f"synced|{source}|{content}|{context.now:%Y-%m-%d}")
    event = Event(id=identifier, person=context.person, at_us=now_us, received_us=now_us, source=source)
    getattr(event, body_name).SetInParent()
    return event


def _anew(event: Event, now: datetime, identifier: str) -> Event:
    made = Event()
    made.CopyFrom(event)
    made.id, made.at_us, made.received_us = identifier, to_us(now), to_us(now)
    return made


def _is_gone(event: Event) -> bool:
    deleted = event.task_changed.state == signals_pb2.TASK_STATE_DELETED
    return bool(event.event_scheduled.cancelled or deleted)


def _order(event: Event) -> tuple[int, str]:
    return event.at_us, event.id
