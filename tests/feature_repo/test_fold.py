import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.durations import DAY_US, HOUR_US
from data_contracts.events.codec import Event
from data_contracts.events.oo.events.v1.facts_pb2 import (
    REACTION_DONE,
    REACTION_NOT_NOW,
    ConsentChanged,
    OutcomeObserved,
    ReactionReceived,
    ReactionUndone,
    TipShown,
)
from data_contracts.events.oo.events.v1.signals_pb2 import (
    DEVICE_TABLET,
    PLACE_WORK,
    TASK_STATE_DONE,
    TASK_STATE_OPEN,
    ContextObserved,
    EventScheduled,
    HabitLogged,
    MoodReported,
    SourceSynced,
    TaskChanged,
)
from data_contracts.features import Source
from data_contracts.served import ServedRow
from data_contracts.state_rows import StoredRow
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import StateRow, WorkingState, known_us
from feature_repo.state.packed_view import pack_view
from feature_repo.state.served_row import served_row
from tests.feature_repo.lives import BASE_US, PERSON, events, task

AS_OF_US = BASE_US + 10 * DAY_US


def served_bytes(state: WorkingState) -> list[bytes]:
    """Return the stored form of every part."""
    return [pack_view(part) for part in served_row(state, AS_OF_US)]


def fact(number: int, at_us: int = BASE_US) -> Event:
    """Return an envelope without a body."""
    return Event(id=f"f{number}", person=PERSON, at_us=at_us, received_us=at_us)


@given(life=events(), rng=st.randoms(use_true_random=False))
def test_shuffled_late_and_repeated_events_end_in_the_same_bytes(life: list[Event], rng: random.Random) -> None:
    """State rows and served row are a function of the set of events."""
    again = life + rng.choices(life, k=len(life)) if life else []
    rng.shuffle(again)
    one, other = fold(life), fold(again)
    assert list(one.rows()) == list(other.rows())
    assert served_bytes(one) == served_bytes(other)


@given(life=events(), rng=st.randoms(use_true_random=False))
def test_saving_and_loading_rows_at_any_point_changes_nothing(life: list[Event], rng: random.Random) -> None:
    """A store that follows the returned changes holds the whole state, byte for byte."""
    store: dict[tuple[str, str], StoredRow] = {}
    state = WorkingState()
    for event in life:
        for change in state.apply(event):
            store[change.source, change.row.key] = change.row.stored
            for key in change.dropped:
                del store[change.source, key]
        if rng.random() < 0.3:
            served_row(state, AS_OF_US)  # builds the indices, which the next events must then keep
        if rng.random() < 0.3:
            stored = [StateRow.of(row) for row in store.values()]
            rng.shuffle(stored)
            state = WorkingState.from_rows(stored)
    assert list(state.rows()) == list(fold(life).rows())
    assert served_bytes(state) == served_bytes(fold(life))


@given(life=events())
def test_an_update_keeps_the_indices_as_a_rebuild_would_make_them(life: list[Event]) -> None:
    """Asking for the served row after every event and only at the end gives the same."""
    state = WorkingState()
    for event in life:
        state.apply(event)
        served_row(state, AS_OF_US)
    assert served_bytes(state) == served_bytes(fold(life))


def test_five_thousand_tasks_leave_the_served_row_small() -> None:
    """The served row stays below 8 KB, and a change of one task writes one row."""
    state = fold(
        task(number, BASE_US + number, due_us=BASE_US + number * HOUR_US, state=1 + number % 2, priority=1 + number % 4)
        for number in range(5_000)
    )
    assert sum(map(len, served_bytes(state))) < 8_192
    (change,) = state.apply(task(77, BASE_US + DAY_US, state=2))
    assert (change.row.key, change.dropped) == (f"{77:032x}", ())
    assert len(change.row.stored.payload) < 100


def test_a_long_list_keeps_exact_counts_where_lists_are_capped() -> None:
    """Counts are of all open tasks, lists of the soonest."""
    tasks = served_row(
        fold(task(n, BASE_US, due_us=BASE_US + n * HOUR_US + 1, priority=1) for n in range(100)), 0
    ).tasks
    assert (tasks.open_count, tasks.high_priority_count) == (100, 100)
    assert tasks.due_keys == tuple(f"{number:032x}" for number in range(32))


def test_an_old_fact_cannot_reopen_a_task_that_is_done() -> None:
    """A late open state, however old, loses against the newer completion."""
    done = task(1, BASE_US + 200 * DAY_US, state=2)
    newer = task(2, BASE_US + 400 * DAY_US)
    late = task(1, BASE_US)
    assert served_row(fold([done, newer, late]), AS_OF_US).tasks.open_count == 1


def reaction(number: int, at_us: int, kind: int) -> Event:
    """Return a reaction to decision `d`."""
    event = fact(number, at_us)
    event.reaction_received.decision, event.reaction_received.cluster = "d", "c"
    event.reaction_received.reaction = kind  # type: ignore[assignment]  # enums are integers on the wire
    return event


def undo(number: int, at_us: int) -> Event:
    """Return the undo of decision `d`."""
    event = fact(number, at_us)
    event.reaction_undone.decision = "d"
    return event


def test_an_undone_reaction_is_gone_and_the_next_one_counts() -> None:
    """An undo takes back what came before it, and nothing that came after."""
    first = [reaction(1, BASE_US, REACTION_DONE), undo(2, BASE_US)]
    assert served_row(fold(first), AS_OF_US).tips.reaction == ()
    second = [*first, reaction(3, BASE_US + 1, REACTION_NOT_NOW)]
    assert served_row(fold(second), AS_OF_US).tips.reaction == (REACTION_NOT_NOW,)


def test_an_outcome_counts_as_done_and_replaces_an_earlier_deferral() -> None:
    """A decision has one standing answer: its last."""
    outcome = fact(2, BASE_US + HOUR_US)
    outcome.outcome_observed.decision, outcome.outcome_observed.cluster = "d", "c"
    tips = served_row(fold([outcome, reaction(1, BASE_US, REACTION_NOT_NOW)]), AS_OF_US).tips
    assert (tips.reaction, tips.reaction_clusters) == ((REACTION_DONE,), ("c",))


def test_day_long_cancelled_and_free_entries_are_not_busy() -> None:
    """Only what really takes time is an interval, and touching intervals are one."""
    life = []
    for number, (start, end, names) in enumerate(
        [(0, 1, "busy"), (1, 2, "busy"), (4, 28, "busy all_day"), (5, 6, ""), (7, 8, "busy cancelled")]
    ):
        event = fact(number)
        body = event.event_scheduled
        body.event, body.start_us, body.end_us = f"v{number}", AS_OF_US + start * HOUR_US, AS_OF_US + end * HOUR_US
        body.busy, body.all_day, body.cancelled = "busy" in names, "all_day" in names, "cancelled" in names
        life.append(event)
    calendar = served_row(fold(life), AS_OF_US).calendar
    assert (calendar.busy_start_us, calendar.busy_end_us) == ((AS_OF_US,), (AS_OF_US + 2 * HOUR_US,))


def test_a_place_lasts_since_its_first_observation_in_a_row() -> None:
    """Repeating the place does not restart the clock, changing it does."""
    life = []
    for number, place in enumerate((1, 2, 2, 0, 2)):
        event = fact(number, BASE_US + number * HOUR_US)
        event.context_observed.place = place  # type: ignore[assignment]  # enums are integers on the wire
        life.append(event)
    context = served_row(fold(life), AS_OF_US).context
    assert (context.place, context.place_since_us) == (2, BASE_US + HOUR_US)


AT_US, ARRIVED_US = BASE_US, BASE_US + 5


def saying(event_id: str = "e", at_us: int = AT_US, received_us: int = ARRIVED_US, **body: Any) -> Event:
    """Return an event with this body."""
    return Event(id=event_id, person=PERSON, at_us=at_us, received_us=received_us, **body)


def changed(**fields: Any) -> TaskChanged:
    """Return a change of one task."""
    return TaskChanged(task="t", state=TASK_STATE_OPEN, priority=2, **fields)


def scheduled(**fields: Any) -> EventScheduled:
    """Return one calendar instance of two microseconds."""
    return EventScheduled(**{"event": "v", "start_us": 6, "end_us": 8, "busy": True, **fields})


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        (
            {"task_changed": changed(due_us=7, created_us=3, effort_min=15)},
            [(Source.TASKS, "t", (1, 2, 7, 3, 0, 15, ARRIVED_US))],
        ),
        ({"task_changed": changed(completed_us=4)}, [(Source.TASKS, "t", (1, 2, 0, 0, 0, 0, ARRIVED_US))]),
        (
            {"task_changed": TaskChanged(task="t", state=TASK_STATE_DONE, completed_us=4)},
            [(Source.TASKS, "t", (2, 0, 0, 0, 4, 0, ARRIVED_US))],
        ),
        (
            {"task_changed": TaskChanged(task="t", state=TASK_STATE_DONE)},
            [(Source.TASKS, "t", (2, 0, 0, 0, AT_US, 0, ARRIVED_US))],
        ),
        ({"event_scheduled": scheduled()}, [(Source.CALENDAR, "v", (6, 8, 1, ARRIVED_US))]),
        ({"event_scheduled": scheduled(end_us=7)}, [(Source.CALENDAR, "v", (6, 7, 1, ARRIVED_US))]),
        ({"event_scheduled": scheduled(end_us=6)}, [(Source.CALENDAR, "v", (6, 6, 0, ARRIVED_US))]),
        ({"event_scheduled": scheduled(busy=False)}, [(Source.CALENDAR, "v", (6, 8, 0, ARRIVED_US))]),
        ({"event_scheduled": scheduled(all_day=True)}, [(Source.CALENDAR, "v", (6, 8, 0, ARRIVED_US))]),
        ({"event_scheduled": scheduled(cancelled=True)}, [(Source.CALENDAR, "v", (6, 8, 0, ARRIVED_US))]),
        ({"habit_logged": HabitLogged(habit="h")}, [(Source.HABITS, "habit/e", ("h",))]),
        ({"mood_reported": MoodReported(mood=4, energy=2)}, [(Source.MOOD, "mood/e", (4, 2))]),
        ({"mood_reported": MoodReported(mood=4)}, [(Source.MOOD, "mood/e", (4, 0))]),
        ({"context_observed": ContextObserved()}, []),
        ({"context_observed": ContextObserved(device=DEVICE_TABLET)}, [(Source.CONTEXT, "device/", (3,))]),
        ({"context_observed": ContextObserved(place=PLACE_WORK)}, [(Source.CONTEXT, "place/e", (2,))]),
        ({"context_observed": ContextObserved(focus=False)}, [(Source.CONTEXT, "focus/", (0,))]),
        (
            {"context_observed": ContextObserved(device=DEVICE_TABLET, place=PLACE_WORK, focus=True)},
            [(Source.CONTEXT, "device/", (3,)), (Source.CONTEXT, "place/e", (2,)), (Source.CONTEXT, "focus/", (1,))],
        ),
        ({"tasks_synced": SourceSynced()}, [(Source.TASKS, "tasks_synced/", ())]),
        ({"calendar_synced": SourceSynced()}, [(Source.CALENDAR, "calendar_synced/", ())]),
        ({"tip_shown": TipShown(decision="d", cluster="c")}, [(Source.TIPS, "shown/d", ("c", 0))]),
        ({"tip_shown": TipShown(decision="d", cluster="c", unsolicited=True)}, [(Source.TIPS, "shown/d", ("c", 1))]),
        (
            {"reaction_received": ReactionReceived(decision="d", cluster="c", reaction=REACTION_NOT_NOW)},
            [(Source.TIPS, "answer/reaction/d", ("reaction", "d", "c", 2))],
        ),
        ({"reaction_undone": ReactionUndone(decision="d")}, [(Source.TIPS, "answer/undo/d", ("undo", "d"))]),
        (
            {"outcome_observed": OutcomeObserved(decision="d", cluster="c", task="t")},
            [(Source.TIPS, "answer/outcome/d", ("outcome", "d", "c"))],
        ),
        ({"consent_changed": ConsentChanged(signal="mood", granted=True)}, []),
        ({}, []),
    ],
)
def test_each_kind_of_event_is_kept_as_these_rows(body: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
    """Source, key and values are columns of every home; what an event does not say leaves no row."""
    state = WorkingState()
    changes = state.apply(saying(**body))
    expected = [StateRow(source, key, AT_US, "e", values) for source, key, values in rows]
    assert [change.row for change in changes] == expected
    assert [(change.source, change.dropped) for change in changes] == [(row.source, ()) for row in expected]
    assert list(state.rows()) == expected
    assert list(WorkingState.from_rows(expected).rows()) == expected
    assert state.apply(saying(**body)) == []


def test_a_fact_is_known_when_it_arrives_and_never_before_its_own_time() -> None:
    """The later of both counts, for tasks and for the calendar."""
    life = [saying(received_us=AT_US - 5, task_changed=changed()), saying(event_scheduled=scheduled())]
    assert [row.values[-1] for row in fold(life).rows()] == [AT_US, ARRIVED_US]
    assert (known_us(life[0]), known_us(life[1])) == (AT_US, ARRIVED_US)


def test_the_rows_of_a_state_stand_in_one_order() -> None:
    """Tasks and instances by key, then the logs, each oldest first; the payload is JSON without blanks."""
    life = [
        saying("e1", task_changed=TaskChanged(task="b")),
        saying("e2", task_changed=TaskChanged(task="a")),
        saying("e3", event_scheduled=EventScheduled(event="d")),
        saying("e4", event_scheduled=EventScheduled(event="c")),
        saying("e5", calendar_synced=SourceSynced()),
        saying("e6", tasks_synced=SourceSynced()),
        saying("e7", reaction_undone=ReactionUndone(decision="d")),
        saying("e8", reaction_received=ReactionReceived(decision="d", cluster="c")),
        saying("e9", tip_shown=TipShown(decision="d", cluster="c")),
        saying("e10", context_observed=ContextObserved(device=DEVICE_TABLET, place=PLACE_WORK, focus=True)),
        saying("e11", mood_reported=MoodReported(mood=1)),
        saying("e13", at_us=AT_US - 1, habit_logged=HabitLogged(habit="h")),
        saying("e12", habit_logged=HabitLogged(habit="h")),
    ]
    rows = list(fold(life).rows())
    assert [row.key for row in rows] == [
        *("a", "b", "c", "d", "habit/e13", "habit/e12", "mood/e11", "device/", "place/e10", "focus/", "shown/d"),
        *("answer/reaction/d", "answer/undo/d", "tasks_synced/", "calendar_synced/"),
    ]
    stored = StoredRow("tips", "shown/d", AT_US, "e9", b'["c",0]')
    assert (rows[10].stored, StateRow.of(stored)) == (stored, rows[10])


def test_an_undo_stands_behind_the_reaction_of_its_instant_also_when_it_is_loaded() -> None:
    """Whatever their ids say, and from rows as from events."""
    life = [
        saying("z", reaction_received=ReactionReceived(decision="d", cluster="c", reaction=REACTION_DONE)),
        saying("a", reaction_undone=ReactionUndone(decision="d")),
    ]
    loaded = WorkingState.from_rows(reversed(list(fold(life).rows())))
    for state in (fold(life), loaded):
        assert [(entry.event_id, entry.rank) for entry in state.entries("answer")] == [("z", 0), ("a", 1)]


@pytest.mark.parametrize(
    ("log", "kind", "cap", "days"),
    [
        ("habit", "habit_logged", 256, 60),
        ("mood", "mood_reported", 64, 30),
        ("place", "place", 256, 2),
        ("shown", "tip_shown", 64, 90),
        ("answer", "reaction_received", 256, 90),
        ("device", "device", 1, None),
        ("focus", "focus", 1, None),
        ("tasks_synced", "tasks_synced", 1, None),
        ("calendar_synced", "calendar_synced", 1, None),
    ],
)
def test_each_log_keeps_so_many_facts_for_so_long(log: str, kind: str, cap: int, days: int | None) -> None:
    """One more pushes the oldest out and names it; what is as old as the lifetime is gone, a microsecond less stays."""

    def said(number: int, at_us: int) -> Event:
        bodies: dict[str, dict[str, Any]] = {
            "habit_logged": {"habit_logged": HabitLogged(habit="h")},
            "mood_reported": {"mood_reported": MoodReported(mood=1)},
            "place": {"context_observed": ContextObserved(place=PLACE_WORK)},
            "device": {"context_observed": ContextObserved(device=DEVICE_TABLET)},
            "focus": {"context_observed": ContextObserved(focus=True)},
            "tip_shown": {"tip_shown": TipShown(decision=f"{number}", cluster="c")},
            "reaction_received": {"reaction_received": ReactionReceived(decision=f"{number}", cluster="c")},
        }
        return saying(f"{number}", at_us, **bodies.get(kind, {kind: SourceSynced()}))

    full = fold(said(number, BASE_US + number) for number in range(cap))
    assert len(full.entries(log)) == cap
    oldest = full.entries(log)[0].key
    (change,) = full.apply(said(cap, BASE_US + cap))
    assert change.dropped == ((f"{log}/{oldest}",) if cap > 1 else ())
    assert [entry.event_id for entry in full.entries(log)] == [str(number) for number in range(1, cap + 1)]
    if days is not None:
        old = fold([said(0, BASE_US), said(1, BASE_US + 1), said(2, BASE_US + days * DAY_US)])
        assert [entry.event_id for entry in old.entries(log)] == ["1", "2"]


def synced(kind: str, number: int, at_us: int) -> Event:
    """Return the word that a source was read completely."""
    event = fact(number, at_us)
    getattr(event, kind).SetInParent()
    return event


@pytest.mark.parametrize(("kind", "part"), [("tasks_synced", "tasks"), ("calendar_synced", "calendar")])
def test_a_source_is_as_fresh_as_its_last_complete_reading(kind: str, part: str) -> None:
    """An older reading that comes late takes nothing back, and one row remembers the newest."""
    life = [synced(kind, 1, BASE_US + HOUR_US), synced(kind, 2, BASE_US)]
    state = fold([task(1, BASE_US - DAY_US), *life])
    assert getattr(served_row(state, AS_OF_US), part).last_us == BASE_US + HOUR_US
    assert sum(kind in row.key for row in state.rows()) == 1
    others = served_row(fold(life), AS_OF_US)._replace(**{part: getattr(ServedRow(), part)})
    assert others == ServedRow()


def test_a_later_fact_is_fresher_than_an_earlier_reading() -> None:
    """The newest word counts, whichever it is."""
    state = fold([synced("tasks_synced", 1, BASE_US), task(1, BASE_US + HOUR_US)])
    assert served_row(state, AS_OF_US).tasks.last_us == BASE_US + HOUR_US
