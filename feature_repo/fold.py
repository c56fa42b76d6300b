"""The fold: events become the working state of one person, in any order and any number of times.

Tasks and calendar instances are keyed rows where the fact with the greatest (event time, event id) wins; everything
else is a capped log in that same order. The state is a function of the set of events, in integers, so shuffled, late
and repeated events end in the same bytes. An event changes one row (an observed
context at most three), and a full log lets its oldest go.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from data_contracts.codec import Event, kind
from data_contracts.features import SOURCES, TOP, Source
from feature_repo.capped_log import CappedLog, Entry, Values
from feature_repo.keyed_rows import DONE, Calendar, CalendarRow, TaskRow, Tasks

SECOND_US = 1_000_000
UNDO_RANK = 1  # an undo stands behind every reaction of its instant
REACTION, OUTCOME, UNDO = "reaction", "outcome", "undo"


class StateRow(NamedTuple):
    """One persisted row of a working state; `values` are the fact's integers and short keys."""

    source: Source
    key: str
    at_us: int
    event_id: str
    values: Values

    @property
    def payload(self) -> bytes:
        """The values as canonical JSON."""
        return json.dumps(self.values, separators=(",", ":")).encode()

    @classmethod
    def of(cls, source: str, key: str, at_us: int, event_id: str, payload: bytes | str) -> "StateRow":
        """Return the row of its stored columns."""
        return cls(Source(source), key, at_us, event_id, tuple(json.loads(payload)))


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
        }

    def apply(self, event: Event) -> list[Change]:
        """Fold one event in; return what must be written, nothing when the event changes nothing."""
        fold = FOLDS.get(kind(event))
        return [] if fold is None else fold(self, event)

    def entries(self, log: str) -> list[Entry]:
        """Return the facts of a log, oldest first; to be read only."""
        return self.logs[log][1].entries

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
            if row.source is Source.TASKS:
                state.tasks.put(row.key, TaskRow(row.at_us, row.event_id, *values))
            elif row.source is Source.CALENDAR:
                state.calendar.put(row.key, CalendarRow(row.at_us, row.event_id, *values))
            else:
                name, _, key = row.key.partition("/")
                rank = UNDO_RANK if values[0] == UNDO else 0
                state.logs[name][1].put(Entry(row.at_us, rank, row.event_id, key, values))
        return state

    def put(self, name: str, key: str, event: Event, values: Values, rank: int = 0) -> list[Change]:
        """Keep a fact in a log."""
        source, log = self.logs[name]
        dropped = log.put(Entry(event.at_us, rank, event.id, key, values))
        if dropped is None:
            return []
        row = StateRow(source, f"{name}/{key}", event.at_us, event.id, values)
        return [Change(row, tuple(f"{name}/{old}" for old in dropped))]


def _task(state: WorkingState, event: Event) -> list[Change]:
    body = event.task_changed
    done_us = (body.completed_us or event.at_us) if body.state == DONE else 0
    known = max(event.at_us, event.received_us)
    row = TaskRow(
        event.at_us,
        event.id,
        body.state,
        body.priority,
        body.due_us,
        body.created_us,
        done_us,
        body.effort_min,
        known,
    )
    if not state.tasks.put(body.task, row):
        return []
    return [Change(StateRow(Source.TASKS, body.task, row.at_us, row.event_id, row[2:]), ())]


def _calendar(state: WorkingState, event: Event) -> list[Change]:
    body = event.event_scheduled
    # A day-long entry (a birthday, a holiday) does not keep a person from anything.
    busy = body.busy and not body.all_day and not body.cancelled and body.end_us > body.start_us
    row = CalendarRow(event.at_us, event.id, body.start_us, body.end_us, int(busy), known_us(event))
    if not state.calendar.put(body.event, row):
        return []
    return [Change(StateRow(Source.CALENDAR, body.event, row.at_us, row.event_id, row[2:]), ())]


def _habit(state: WorkingState, event: Event) -> list[Change]:
    return state.put("habit", event.id, event, (event.habit_logged.habit,))


def _mood(state: WorkingState, event: Event) -> list[Change]:
    return state.put("mood", event.id, event, (event.mood_reported.mood, event.mood_reported.energy))


def _context(state: WorkingState, event: Event) -> list[Change]:
    body = event.context_observed
    changes: list[Change] = []
    if body.device:
        changes += state.put("device", "", event, (body.device,))
    if body.place:
        changes += state.put("place", event.id, event, (body.place,))
    if body.HasField("focus"):
        changes += state.put("focus", "", event, (int(body.focus),))
    return changes


def _shown(state: WorkingState, event: Event) -> list[Change]:
    body = event.tip_shown
    return state.put("shown", body.decision, event, (body.cluster, int(body.unsolicited)))


def _reaction(state: WorkingState, event: Event) -> list[Change]:
    body = event.reaction_received
    values = (REACTION, body.decision, body.cluster, body.reaction)
    return state.put("answer", f"{REACTION}/{body.decision}", event, values)


def _undone(state: WorkingState, event: Event) -> list[Change]:
    decision = event.reaction_undone.decision
    return state.put("answer", f"{UNDO}/{decision}", event, (UNDO, decision), UNDO_RANK)


def _outcome(state: WorkingState, event: Event) -> list[Change]:
    body = event.outcome_observed
    return state.put("answer", f"{OUTCOME}/{body.decision}", event, (OUTCOME, body.decision, body.cluster))


# A consent has no row here: its mask comes from the database with every read, so it holds at once.
FOLDS: dict[str, Callable[[WorkingState, Event], list[Change]]] = {
    "task_changed": _task,
    "event_scheduled": _calendar,
    "habit_logged": _habit,
    "mood_reported": _mood,
    "context_observed": _context,
    "tip_shown": _shown,
    "reaction_received": _reaction,
    "reaction_undone": _undone,
    "outcome_observed": _outcome,
}


def fold(events: Iterable[Event]) -> WorkingState:
    """Return the working state of a person's events."""
    state = WorkingState()
    for event in events:
        fold_one = FOLDS.get(kind(event))
        if fold_one is not None:
            fold_one(state, event)
    return state
