"""Computes the served row from the working state: pure and deterministic."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple, cast

from data_contracts.durations import DAY_US
from data_contracts.events.oo.events.v1.facts_pb2 import REACTION_DONE
from data_contracts.features import Source
from data_contracts.served import (
    BACKLOG,
    CAPS,
    ServedCalendar,
    ServedContext,
    ServedHabits,
    ServedMood,
    ServedRow,
    ServedTasks,
    ServedTips,
)
from feature_repo.state.capped_log import Entry
from feature_repo.state.fold import OUTCOME, REACTION, UNDO, WorkingState

LAST_KEY = "\uffff"  # behind every key
LOOK_BACK_US = DAY_US
LOOK_AHEAD_US = 7 * DAY_US


def served_view(state: WorkingState, source: Source, as_of_us: int) -> NamedTuple:
    """Return one part of the served row; only the calendar's part looks at `as_of_us`."""
    return MAKERS[source](state, as_of_us)


def served_row(state: WorkingState, as_of_us: int) -> ServedRow:
    """Return all parts of the served row."""
    return ServedRow(
        _tasks(state, as_of_us),
        _calendar(state, as_of_us),
        _habits(state, as_of_us),
        _mood(state, as_of_us),
        _context(state, as_of_us),
        _tips(state, as_of_us),
    )


def _tasks(state: WorkingState, _as_of_us: int) -> ServedTasks:
    index, rows = state.tasks.index, state.tasks.rows
    last_us = state.last_us(Source.TASKS)
    overdue = bisect_right(index.due, (last_us, LAST_KEY))
    first = max(0, min(overdue - BACKLOG, len(index.due) - CAPS["due_us"]))
    due = index.due[first : first + CAPS["due_us"]]
    done = index.done[: -CAPS["done_us"] - 1 : -1]
    return ServedTasks(
        last_us=last_us,
        open_count=index.open,
        high_priority_count=index.high_priority,
        oldest_created_us=index.created[0] if index.created else 0,
        due_us=tuple(at for at, _ in due),
        due_keys=tuple(key for _, key in due),
        due_priorities=tuple(rows[key].priority for _, key in due),
        due_efforts_min=tuple(rows[key].effort_min for _, key in due),
        undated_keys=tuple(key for _, _, key in index.undated[: CAPS["undated_keys"]]),
        done_us=tuple(at for at, _ in done),
        done_keys=tuple(key for _, key in done),
        earlier_due_count=first,
    )


def _calendar(state: WorkingState, as_of_us: int) -> ServedCalendar:
    starts, ends = state.calendar.merged(as_of_us - LOOK_BACK_US, as_of_us + LOOK_AHEAD_US, CAPS["busy_start_us"])
    return ServedCalendar(state.last_us(Source.CALENDAR), starts, ends)


def _newest(entries: list[Entry], cap: int) -> list[Entry]:
    return entries[: -cap - 1 : -1]


def _habits(state: WorkingState, _as_of_us: int) -> ServedHabits:
    entries = state.entries("habit")
    kept: dict[str, None] = {}
    for entry in reversed(entries):
        if len(kept) < CAPS["habit_keys"]:
            kept.setdefault(cast("str", entry.values[0]))
    keys = tuple(sorted(kept))
    position = {key: index for index, key in enumerate(keys)}
    logs = _newest([entry for entry in entries if entry.values[0] in position], CAPS["log_us"])
    return ServedHabits(
        last_us=state.logs["habit"][1].newest_us,
        habit_keys=keys,
        log_us=tuple(entry.at_us for entry in logs),
        log_habit=tuple(position[cast("str", entry.values[0])] for entry in logs),
    )


def _mood(state: WorkingState, _as_of_us: int) -> ServedMood:
    reports = _newest(state.entries("mood"), CAPS["report_us"])
    return ServedMood(
        last_us=state.logs["mood"][1].newest_us,
        report_us=tuple(entry.at_us for entry in reports),
        mood=tuple(cast("int", entry.values[0]) for entry in reports),
        energy=tuple(cast("int", entry.values[1]) for entry in reports),
    )


def _context(state: WorkingState, _as_of_us: int) -> ServedContext:
    device, place, focus = state.entries("device"), state.entries("place"), state.entries("focus")
    place_now = cast("int", place[-1].values[0]) if place else 0
    since_us = 0
    for entry in reversed(place):
        if entry.values[0] != place_now:
            break
        since_us = entry.at_us
    return ServedContext(
        last_us=max(state.logs[name][1].newest_us for name in ("device", "place", "focus")),
        device=cast("int", device[-1].values[0]) if device else 0,
        place=place_now,
        place_since_us=since_us,
        focus=cast("int", focus[-1].values[0]) if focus else -1,
    )


def _tips(state: WorkingState, _as_of_us: int) -> ServedTips:
    shown = _newest(state.entries("shown"), CAPS["shown_us"])
    answers = _standing(state.entries("answer"))[: CAPS["reaction_us"]]
    return ServedTips(
        last_us=max(state.logs["shown"][1].newest_us, state.logs["answer"][1].newest_us),
        shown_us=tuple(entry.at_us for entry in shown),
        shown_clusters=tuple(cast("str", entry.values[0]) for entry in shown),
        shown_unsolicited=tuple(cast("int", entry.values[1]) for entry in shown),
        reaction_us=tuple(at_us for at_us, _, _ in answers),
        reaction=tuple(reaction for _, reaction, _ in answers),
        reaction_clusters=tuple(cluster for _, _, cluster in answers),
    )


def _standing(entries: list[Entry]) -> list[tuple[int, int, str]]:
    """Return (time, reaction, cluster) of each decision's last answer, newest first.

    An undo takes back the reactions before it. It is newer than they are, so the log cannot drop it before them.
    """
    undone: set[str] = set()
    answered: set[str] = set()
    standing: list[tuple[int, int, str]] = []
    for entry in reversed(entries):
        name, decision = entry.values[:2]
        if name == UNDO:
            undone.add(cast("str", decision))
        elif decision in answered or (name == REACTION and decision in undone):
            continue
        else:
            answered.add(cast("str", decision))
            reaction = REACTION_DONE if name == OUTCOME else cast("int", entry.values[3])
            standing.append((entry.at_us, int(reaction), cast("str", entry.values[2])))
    return standing


MAKERS: Mapping[Source, Callable[[WorkingState, int], NamedTuple]] = MappingProxyType(
    {
        Source.TASKS: _tasks,
        Source.CALENDAR: _calendar,
        Source.HABITS: _habits,
        Source.MOOD: _mood,
        Source.CONTEXT: _context,
        Source.TIPS: _tips,
    }
)
