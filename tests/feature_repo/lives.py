"""Events as hypothesis draws them: few keys and few instants, so that ties, undos and replacements are common."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from data_contracts.durations import DAY_US, HOUR_US
from data_contracts.events.codec import Event
from data_contracts.identifiers import PersonId

PERSON = PersonId("5f1d7a84db7d4c0d8d1b6a7d0b7f4c11")
BASE_US = 20_500 * DAY_US

few = st.integers(0, 4)
instants = st.one_of(st.integers(0, 12), st.integers(0, 24 * 120)).map(lambda hours: BASE_US + hours * HOUR_US)
KINDS = (
    "task_changed",
    "event_scheduled",
    "habit_logged",
    "mood_reported",
    "context_observed",
    "tasks_synced",
    "calendar_synced",
    "tip_shown",
    "reaction_received",
    "reaction_undone",
    "outcome_observed",
    "consent_changed",
)


def fill(event: Event, kind: str, draw: st.DrawFn) -> None:
    """Give the event a body of that kind."""
    body = getattr(event, kind)
    body.SetInParent()
    if kind in SIGNALS:
        SIGNALS[kind](body, draw)
    elif kind in {"tip_shown", "reaction_received", "reaction_undone", "outcome_observed"}:
        body.decision = f"decision{draw(few)}"
        if kind != "reaction_undone":
            body.cluster = f"cluster{draw(few)}"
        if kind == "reaction_received":
            body.reaction = draw(st.integers(1, 3))


def _task(body: Any, draw: st.DrawFn) -> None:
    body.task, body.state, body.priority = f"task{draw(few)}", draw(st.integers(1, 3)), draw(st.integers(1, 4))
    if draw(st.booleans()):
        body.due_us = draw(instants)
    if draw(st.booleans()):
        body.created_us = draw(instants)


def _calendar(body: Any, draw: st.DrawFn) -> None:
    body.event, body.busy, body.cancelled = f"event{draw(few)}", draw(st.booleans()), draw(few) == 0
    body.start_us = draw(instants)
    body.end_us = body.start_us + draw(few) * HOUR_US


def _habit(body: Any, draw: st.DrawFn) -> None:
    body.habit = f"habit{draw(few)}"


def _mood(body: Any, draw: st.DrawFn) -> None:
    body.mood = draw(st.integers(1, 5))
    if draw(st.booleans()):
        body.energy = draw(st.integers(1, 5))


def _context(body: Any, draw: st.DrawFn) -> None:
    body.device, body.place = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    if draw(st.booleans()):
        body.focus = draw(st.booleans())


SIGNALS: dict[str, Callable[[Any, st.DrawFn], None]] = {
    "task_changed": _task,
    "event_scheduled": _calendar,
    "habit_logged": _habit,
    "mood_reported": _mood,
    "context_observed": _context,
}


@st.composite
def events(draw: st.DrawFn, max_size: int = 40) -> list[Event]:
    """Return events with ids of their own."""
    made = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), max_size=max_size))):
        at_us = draw(instants)
        event = Event(id=f"e{number:04}", person=PERSON, at_us=at_us, received_us=at_us + draw(few) * HOUR_US)
        fill(event, kind, draw)
        made.append(event)
    return made


def task(number: int, at_us: int, *, due_us: int = 0, state: int = 1, priority: int = 4) -> Event:
    """Return one change of a task."""
    event = Event(id=f"t{number:06}-{at_us}", person=PERSON, at_us=at_us, received_us=at_us)
    event.task_changed.task = f"{number:032x}"
    event.task_changed.state = state  # type: ignore[assignment]  # enums are integers on the wire
    event.task_changed.priority = priority
    event.task_changed.created_us = at_us
    if due_us:
        event.task_changed.due_us = due_us
    return event
