"""The fold from events to the working state of one person; order and repetition do not matter.

Tasks and calendar instances are keyed rows where the fact with the greatest (event time, event id) wins; everything
else is a capped log in that same order, the newest complete reading of a source included. The state is a function of
the set of events, in integers, so shuffled, late and repeated events end in the same bytes. An event changes one row
(an observed context at most three), and a full log lets its oldest go.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, cast

from data_contracts.durations import SECOND_US
from data_contracts.events.codec import Event
from data_contracts.features import SOURCES, TOP, Source
from data_contracts.state_rows import StoredRow
from feature_repo.state.capped_log import CappedLog, Entry, Values
from feature_repo.state.keyed_rows import DONE, Calendar, CalendarRow, TaskRow, Tasks

UNDO_RANK = 1  # an undo stands behind every reaction of its instant
TASK, INSTANCE = "task", "instance"
REACTION, OUTCOME, UNDO = "reaction", "outcome", "undo"
CANONICAL = json.JSONEncoder(separators=(",", ":"))


class StateRow(NamedTuple):
    """One persisted row of a working state; `values` are the fact's integers and short keys."""

    source: Source
    key: str
    at_us: int
    event_id: str
    values: Values

    @property
    def stored(self) -> StoredRow:
        """The row as it is stored, the values as canonical JSON."""
        payload = CANONICAL.encode(self.values).encode()
        return StoredRow(self.source.value, self.key, self.at_us, self.event_id, payload)

    @classmethod
    def of(cls, stored: StoredRow) -> "StateRow":
        """Return the row of its stored form."""
        source, key, at_us, event_id, payload = stored
        return cls(Source(source), key, at_us, event_id, tuple(json.loads(payload)))


Fact = tuple[str, str, TaskRow | CalendarRow | Entry]  # the place that keeps it, its key there, and the row


class Change(NamedTuple):
    """What an event did: the one row to write, and the keys of the same source to delete."""

    row: StateRow
    dropped: tuple[str, ...]

    @property
    def source(self) -> Source:
        """The only served view that can differ now."""
        return self.row.source


def known_us(event: Event) -> int:
    """Return when an event could first be known: its own time, or its arrival when that was later."""
    return max(event.at_us, event.received_us)


def _log(source: Source, cap: int) -> CappedLog:
    return CappedLog(cap, SOURCES[source].ttl_s * SECOND_US)


class WorkingState:
    """The working state of one person."""

    def __init__(self) -> None:
        self.tasks = Tasks()
        self.calendar = Calendar()
        # The caps leave room behind the served lists for facts that are undone or hidden.
        self.logs: dict[str, tuple[Source, CappedLog]] = {
            "habit": (Source.HABITS, _log(Source.HABITS, 8 * TOP)),
            "mood": (Source.MOOD, _log(Source.MOOD, 2 * TOP)),
            "device": (Source.CONTEXT, _log(Source.CONTEXT, 1)),
            "place": (Source.CONTEXT, _log(Source.CONTEXT, 8 * TOP)),
            "focus": (Source.CONTEXT, _log(Source.CONTEXT, 1)),
            "shown": (Source.TIPS, _log(Source.TIPS, 2 * TOP)),
            "answer": (Source.TIPS, _log(Source.TIPS, 8 * TOP)),
            "tasks_synced": (Source.TASKS, _log(Source.TASKS, 1)),
            "calendar_synced": (Source.CALENDAR, _log(Source.CALENDAR, 1)),
        }

    def apply(self, event: Event) -> list[Change]:
        """Fold one event in; return what must be written, nothing when the event changes nothing."""
        changes = []
        for fact in facts(event):
            dropped = self.put(fact)
            if dropped is not None:
                changes.append(self._change(fact, dropped))
        return changes

    def put(self, fact: Fact) -> tuple[str, ...] | None:
        """Keep a fact and return the keys that it pushed out of its log, or None when it changes nothing."""
        place, key, row = fact
        if place == TASK:
            return () if self.tasks.put(key, cast("TaskRow", row)) else None
        if place == INSTANCE:
            return () if self.calendar.put(key, cast("CalendarRow", row)) else None
        return self.logs[place][1].put(cast("Entry", row))

    def _change(self, fact: Fact, dropped: tuple[str, ...]) -> Change:
        place, key, row = fact
        if isinstance(row, Entry):
            source = self.logs[place][0]
            stored = StateRow(source, f"{place}/{key}", row.at_us, row.event_id, row.values)
            return Change(stored, tuple(f"{place}/{old}" for old in dropped))
        source = Source.TASKS if place == TASK else Source.CALENDAR
        return Change(StateRow(source, key, row[0], row[1], row[2:]), dropped)

    def entries(self, log: str) -> list[Entry]:
        """Return the facts of a log, oldest first; to be read only."""
        return self.logs[log][1].entries

    def last_us(self, source: Source) -> int:
        """Return when the newest word about the tasks or the calendar came, 0 when there was none."""
        keyed = self.tasks if source is Source.TASKS else self.calendar
        return max(keyed.last_us, self.logs[f"{source.value}_synced"][1].newest_us)

    def rows(self) -> Iterator[StateRow]:
        """Yield every row, in canonical order."""
        for key in sorted(self.tasks.rows):
            task = self.tasks.rows[key]
            yield StateRow(Source.TASKS, key, task[0], task[1], task[2:])
        for key in sorted(self.calendar.rows):
            instance = self.calendar.rows[key]
            yield StateRow(Source.CALENDAR, key, instance[0], instance[1], instance[2:])
        for name, (source, log) in self.logs.items():
            for entry in log.entries:
                yield StateRow(source, f"{name}/{entry.key}", entry.at_us, entry.event_id, entry.values)

    @classmethod
    def from_rows(cls, rows: Iterable[StateRow]) -> "WorkingState":
        """Return the state of its rows, in whatever order they come."""
        state = cls()
        for row in rows:
            values: tuple[Any, ...] = row.values
            name, logged, key = row.key.partition("/")
            if logged:
                rank = UNDO_RANK if values[:1] == (UNDO,) else 0
                state.logs[name][1].put(Entry(row.at_us, rank, row.event_id, key, values))
            elif row.source is Source.TASKS:
                state.tasks.put(row.key, TaskRow(row.at_us, row.event_id, *values))
            else:
                state.calendar.put(row.key, CalendarRow(row.at_us, row.event_id, *values))
        return state


_new = tuple.__new__  # a named tuple's own constructor takes three times as long, and this runs once an event


def facts(event: Event) -> list[Fact]:
    """Return what an event says, by the place that keeps it."""
    read = READERS.get(event.WhichOneof("body"))
    return [] if read is None else read(event)


def task_row(event: Event) -> TaskRow:
    """Return what an event says of its task."""
    body = event.task_changed
    at_us, state = event.at_us, body.state
    done_us = (body.completed_us or at_us) if state == DONE else 0
    known = max(at_us, event.received_us)
    effort_min, created_us = body.effort_min, body.created_us
    return _new(TaskRow, (at_us, event.id, state, body.priority, body.due_us, created_us, done_us, effort_min, known))


def instance_row(event: Event) -> CalendarRow:
    """Return what an event says of its calendar instance."""
    body = event.event_scheduled
    start_us, end_us = body.start_us, body.end_us
    # A day-long entry (a birthday, a holiday) does not keep a person from anything.
    busy = body.busy and not body.all_day and not body.cancelled and end_us > start_us
    return _new(CalendarRow, (event.at_us, event.id, start_us, end_us, int(busy), known_us(event)))


def _task(event: Event) -> list[Fact]:
    return [(TASK, event.task_changed.task, task_row(event))]


def _instance(event: Event) -> list[Fact]:
    return [(INSTANCE, event.event_scheduled.event, instance_row(event))]


def _entry(place: str, key: str, event: Event, values: Values, rank: int = 0) -> Fact:
    return place, key, _new(Entry, (event.at_us, rank, event.id, key, values))


def _habit(event: Event) -> list[Fact]:
    return [_entry("habit", event.id, event, (event.habit_logged.habit,))]


def _mood(event: Event) -> list[Fact]:
    body = event.mood_reported
    return [_entry("mood", event.id, event, (body.mood, body.energy))]


def _context(event: Event) -> list[Fact]:
    body = event.context_observed
    said = []
    if body.device:
        said.append(_entry("device", "", event, (body.device,)))
    if body.place:
        said.append(_entry("place", event.id, event, (body.place,)))
    if body.HasField("focus"):
        said.append(_entry("focus", "", event, (int(body.focus),)))
    return said


def _synced(event: Event) -> list[Fact]:
    return [_entry(str(event.WhichOneof("body")), "", event, ())]


def _shown(event: Event) -> list[Fact]:
    body = event.tip_shown
    return [_entry("shown", body.decision, event, (body.cluster, int(body.unsolicited)))]


def _reaction(event: Event) -> list[Fact]:
    body = event.reaction_received
    values = (REACTION, body.decision, body.cluster, body.reaction)
    return [_entry("answer", f"{REACTION}/{body.decision}", event, values)]


def _undone(event: Event) -> list[Fact]:
    decision = event.reaction_undone.decision
    return [_entry("answer", f"{UNDO}/{decision}", event, (UNDO, decision), UNDO_RANK)]


def _outcome(event: Event) -> list[Fact]:
    body = event.outcome_observed
    return [_entry("answer", f"{OUTCOME}/{body.decision}", event, (OUTCOME, body.decision, body.cluster))]


# A consent has no row here: its mask comes from the database with every read, so it holds at once.
READERS: dict[str | None, Callable[[Event], list[Fact]]] = {
    "task_changed": _task,
    "event_scheduled": _instance,
    "habit_logged": _habit,
    "mood_reported": _mood,
    "context_observed": _context,
    "tasks_synced": _synced,
    "calendar_synced": _synced,
    "tip_shown": _shown,
    "reaction_received": _reaction,
    "reaction_undone": _undone,
    "outcome_observed": _outcome,
}
