import pytest
from hypothesis import HealthCheck, given, settings

from data_contracts.durations import HOUR_US
from data_contracts.events.codec import Event
from feature_repo.state import batch_fold
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import WorkingState
from feature_repo.state.packed_view import pack_view
from feature_repo.state.served_row import served_row
from tests.feature_repo.lives import BASE_US, events, task

AS_OF_US = BASE_US + 24 * HOUR_US


def one_by_one(life: list[Event]) -> WorkingState:
    """Return the state that a stream ends in."""
    state = WorkingState()
    for event in life:
        state.apply(event)
    return state


@pytest.mark.parametrize("chunk", [1, 7, 1_000])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=events())
def test_events_at_once_end_in_the_state_of_events_one_by_one(
    monkeypatch: pytest.MonkeyPatch, chunk: int, life: list[Event]
) -> None:
    """Every row and every served byte, however many events are held at once, and also for what comes after."""
    monkeypatch.setattr(batch_fold, "CHUNK", chunk)
    head, tail = life[: len(life) // 2], life[len(life) // 2 :]
    state = fold(iter(head))
    assert list(state.rows()) == list(one_by_one(head).rows())
    for event in tail:
        state.apply(event)
    other = fold(life)
    assert list(state.rows()) == list(other.rows()) == list(one_by_one(life).rows())
    served = [[pack_view(part) for part in served_row(each, AS_OF_US)] for each in (state, other)]
    assert served[0] == served[1]


def test_of_two_facts_with_one_time_and_id_both_ways_keep_the_same() -> None:
    """The order of rows is total, so not even a broken sender makes the outcome a matter of order."""
    facts = [task(1, BASE_US, priority=priority) for priority in (2, 4, 1)]
    states = [fold(facts), fold(facts[::-1]), one_by_one(facts), one_by_one(facts[::-1])]
    assert [[*state.rows()] for state in states] == [[*states[0].rows()]] * 4
