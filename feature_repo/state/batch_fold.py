"""Folds many events at once; the result equals that of the event-by-event fold.

The state is a function of the set of events, so nothing has to happen in their order: of a task or a calendar instance
only the newest event is read in full, by the fold's own readers, and a log is sorted once.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from data_contracts.events.codec import Event
from feature_repo.state.capped_log import Entry
from feature_repo.state.fold import INSTANCE, READERS, TASK, WorkingState, instance_row, task_row
from feature_repo.state.keyed_rows import CalendarRow, TaskRow

CHUNK = 1_000  # events that are looked at together: as many as stay in the processor's cache between the two looks
Row = TypeVar("Row", TaskRow, CalendarRow)
Newest = dict[str, tuple[int, Event]]  # key -> event time and event


def fold(events: Iterable[Event]) -> WorkingState:
    """Return the working state of a person's events."""
    state = WorkingState()
    tasks: Newest = {}
    instances: Newest = {}
    waiting = iter(events)
    while chunk := list(islice(waiting, CHUNK)):
        kinds: defaultdict[str | None, list[Event]] = defaultdict(list)
        for event in chunk:
            kinds[event.WhichOneof("body")].append(event)
        for event in kinds.pop("task_changed", ()):
            _offer(tasks, event.task_changed.task, event, task_row)
        for event in kinds.pop("event_scheduled", ()):
            _offer(instances, event.event_scheduled.event, event, instance_row)
        _log(state, kinds)
    for key, (_, event) in tasks.items():
        state.put((TASK, key, task_row(event)))
    for key, (_, event) in instances.items():
        state.put((INSTANCE, key, instance_row(event)))
    return state


def _offer(newest: Newest, key: str, event: Event, row: Callable[[Event], Row]) -> None:
    """Keep the event when it is newer than the one of its key; rows decide between events of one instant."""
    at_us, old = event.at_us, newest.get(key)
    if old is None or at_us > old[0] or (at_us == old[0] and row(event) > row(old[1])):
        newest[key] = at_us, event


def _log(state: WorkingState, kinds: dict[str | None, list[Event]]) -> None:
    """Put the events of every other kind into their logs."""
    logged: defaultdict[str, list[Entry]] = defaultdict(list)
    for kind, events in kinds.items():
        read = READERS.get(kind)
        if read is not None:
            for event in events:
                for place, _, entry in read(event):
                    logged[place].append(entry)  # type: ignore[arg-type]  # tasks and instances are not among these kinds
    for place, entries in logged.items():
        state.logs[place][1].extend(entries)
