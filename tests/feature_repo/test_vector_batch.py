from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts.durations import DAY_US, HOUR_US
from data_contracts.errors import Malformed
from data_contracts.events.codec import Event
from data_contracts.served import ServedRow
from feature_repo.state.batch_fold import fold
from feature_repo.state.served_row import served_row
from feature_repo.vector import vector_batch
from feature_repo.vector.kernel import ALL_CONSENTS, context_vector
from feature_repo.vector.served_columns import of_rows
from feature_repo.vector.vector_batch import context_vectors, moments
from tests.feature_repo.lives import BASE_US, events, task

ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/Santiago", "Asia/Kathmandu")]
QUIET = [(1_320, 480), (0, 0), (60, 700)]


def assert_equal(rows: list[ServedRow], asked: list[tuple[int, int, int, int]]) -> None:
    """Hold the batch equal to `context_vector` row by row; `asked` is (now, zone, quiet hours, consents)."""
    now_us, zones = [now for now, *_ in asked], [ZONES[zone] for _, zone, *_ in asked]
    starts, ends = [QUIET[quiet][0] for _, _, quiet, _ in asked], [QUIET[quiet][1] for _, _, quiet, _ in asked]
    masks = [mask for *_, mask in asked]
    batch = context_vectors(of_rows(rows), moments(now_us, zones, starts, ends), np.array(masks, np.int64))
    for number, row in enumerate(rows):
        one = context_vector(
            row,
            now_us[number],
            zones[number],
            masks[number],
            quiet_start_min=starts[number],
            quiet_end_min=ends[number],
        )
        for made, wanted in zip(batch, one, strict=True):
            assert made[number].tobytes() == np.asarray(wanted, made.dtype).tobytes()


instants = st.integers(-24 * 20 * 4, 24 * 120 * 4).map(lambda quarters: BASE_US + quarters * HOUR_US // 4)
asked_of = st.tuples(instants, st.integers(0, 2), st.integers(0, 2), st.integers(0, ALL_CONSENTS))


@pytest.mark.parametrize("chunk", [2, 1_024])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=st.lists(st.tuples(events(), asked_of), min_size=1, max_size=5))
def test_a_batch_is_bit_for_bit_what_each_row_gives_alone(
    monkeypatch: pytest.MonkeyPatch, chunk: int, lives: list[tuple[list[Event], tuple[int, int, int, int]]]
) -> None:
    """Any rows, instants, zones, quiet hours and consents."""
    monkeypatch.setattr(vector_batch, "CHUNK", chunk)
    assert_equal([served_row(fold(life), asked[0]) for life, asked in lives], [asked for _, asked in lives])


@given(
    logs=st.lists(st.tuples(st.integers(0, 16 * 24), st.integers(0, 15)), max_size=128),
    mask=st.sampled_from([ALL_CONSENTS, 0b100]),
)
def test_streaks_are_equal_over_long_logs(logs: list[tuple[int, int]], mask: int) -> None:
    """Sixteen habits over sixteen days, up to the cap."""
    life = []
    for number, (hours, habit) in enumerate(logs):
        at_us = BASE_US + hours * HOUR_US
        event = Event(id=f"e{number}", person="p", at_us=at_us, received_us=at_us)
        event.habit_logged.habit = f"habit{habit:02}"
        life.append(event)
    row = served_row(fold(life), BASE_US)
    assert_equal([row] * 3, [(BASE_US + days * DAY_US, days % 3, 0, mask) for days in (0, 14, 16)])


def test_times_beyond_the_calendar_do_not_disturb_the_others() -> None:
    """A task without a real due date is only far away."""
    far = [task(number, BASE_US, due_us=due) for number, due in enumerate((1, 1 << 59, (1 << 61) - 1))]
    rows = [served_row(fold(far), BASE_US), ServedRow(), served_row(fold([task(1, BASE_US, due_us=BASE_US)]), BASE_US)]
    assert_equal(rows, [(BASE_US, 0, 0, ALL_CONSENTS)] * 3)


def test_thousands_of_rows_over_a_year_are_one_batch() -> None:
    """As many as a training set has; each tenth is held against its vector alone."""
    state = fold(task(number, BASE_US + number * HOUR_US, due_us=BASE_US + number * DAY_US) for number in range(40))
    rows = [served_row(state, BASE_US)] * 3_000
    instants_us = [BASE_US + number * DAY_US // 8 for number in range(3_000)]
    columns = of_rows(rows)
    batch = context_vectors(
        columns, moments(instants_us, ZONES[:1] * 3_000, [0] * 3_000, [0] * 3_000), np.full(3_000, ALL_CONSENTS)
    )
    for number in range(0, 3_000, 10):
        one = context_vector(
            rows[number], instants_us[number], ZONES[0], ALL_CONSENTS, quiet_start_min=0, quiet_end_min=0
        )
        assert np.array_equal(batch.values[number], one.values)


def test_no_rows_are_a_batch_of_none() -> None:
    """Shapes hold without a row."""
    batch = context_vectors(of_rows([]), moments([], [], [], []), np.zeros(0, np.int64))
    assert batch.values.shape == batch.masked.shape == batch.ages_s.shape == (0, 45)


def test_instants_that_are_a_lifetime_apart_are_refused() -> None:
    """Where the numbers of a batch would no longer fit, there is a sentence and no wrong vector."""
    at = moments([60 * DAY_US, 8 * 10**15] * 50, ZONES[:1] * 100, [0] * 100, [0] * 100)
    with pytest.raises(Malformed, match="too far apart"):
        context_vectors(of_rows([ServedRow()] * 100), at, np.zeros(100, np.int64))
