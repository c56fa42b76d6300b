import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.durations import DAY_US, HOUR_US
from data_contracts.events.codec import Event
from data_contracts.events.oo.events.v1.facts_pb2 import REACTION_DONE, REACTION_NOT_NOW
from data_contracts.served import ServedRow
from data_contracts.state_rows import StoredRow
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import StateRow, WorkingState
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
