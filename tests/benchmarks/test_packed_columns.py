"""The columns that `feature_read` makes of stored bytes are those of the rows."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.packed_columns import of_packed, read_stored
from data_contracts.errors import Malformed
from data_contracts.events.codec import Event
from data_contracts.features import Source
from data_contracts.served import VIEWS, ServedMood, ServedRow, ServedTasks
from feature_repo.online import OnlineFile
from feature_repo.state.batch_fold import fold
from feature_repo.state.packed_view import pack_view, unpack_view
from feature_repo.state.served_row import served_row
from feature_repo.vector.served_columns import of_rows
from tests.feature_repo.lives import BASE_US, events


@given(lives=st.lists(events(), max_size=5))
def test_the_stored_form_gives_the_columns_of_the_rows(lives: list[list[Event]]) -> None:
    """Any rows."""
    rows = [served_row(fold(life), BASE_US) for life in lives]
    packed = of_packed([[pack_view(getattr(row, source.value)) for source in VIEWS] for row in rows])
    assert all(np.array_equal(one, other) for one, other in zip(packed, of_rows(rows), strict=True))


@pytest.mark.parametrize("damage", [b"", b"\x09" + bytes(60), pack_view(ServedTasks(due_us=(1, 2)))[:20]])
def test_a_damaged_view_among_many_is_refused(damage: bytes) -> None:
    """No vector is made of half a row."""
    with pytest.raises(Malformed, match="view"):
        of_packed([[pack_view(ServedTasks()), *[None] * 5], [damage, *[None] * 5]])


def test_a_person_without_a_view_has_an_empty_one() -> None:
    """Missing parts are empty, and so is a row without any."""
    mood = ServedMood(BASE_US, (BASE_US,), (4,), (2,))
    some = of_packed([[None] * 6, [None, None, None, pack_view(mood), None, None]])
    whole = of_rows([ServedRow(), ServedRow(mood=mood)])
    assert all(np.array_equal(one, other) for one, other in zip(some, whole, strict=True))


def test_the_stored_parts_of_many_come_in_the_order_asked(tmp_path: Path) -> None:
    """Repeated and unknown people and missing views included, as the single read unpacks them."""
    with closing(OnlineFile(tmp_path / "online.db")) as online, closing(online.connect()) as connection:
        for number, one in enumerate(("a", "b", "c"), start=1):
            online.write(one, {Source.TASKS: ServedTasks(number), Source.MOOD: ServedMood(number)}, 10, 5)
        online.write_pool("b", 1, b"pool")
        asked = ["c", "nobody", "a", "c", "b'; --"]
        for one, parts in zip(asked, read_stored(connection, asked), strict=True):
            row = online.read(one).row
            unpacked = [part and unpack_view(source, part) for source, part in zip(VIEWS, parts, strict=True)]
            assert [part or empty for part, empty in zip(unpacked, ServedRow(), strict=True)] == list(row)
        assert read_stored(connection, []) == []
