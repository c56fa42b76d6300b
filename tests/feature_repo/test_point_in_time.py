from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.served import ServedMood
from feature_repo.history import point_in_time
from feature_repo.history.as_of import NONE, newest, sorted_rows
from feature_repo.history.compaction import compact
from feature_repo.history.point_in_time import Remembered, features_at
from feature_repo.history.served_rows import EVENT_TIME, PERSON, SEQUENCE_TIME, TIME, History, HistoryRow

PEOPLE = ("anna", "ben", "cleo", "nobody")
Rows = list[tuple[str, int, int]]
Points = list[tuple[str, int]]

rows_of_few = st.lists(st.tuples(st.sampled_from(PEOPLE[:3]), st.integers(0, 20), st.integers(0, 3)), max_size=30)
points_of_few = st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(-3, 30)), min_size=1, max_size=20)


def table(rows: Rows) -> pl.DataFrame:
    """Return rows of (person, event time, sequence) with their place as a feature."""
    raw = {PERSON: pl.String, EVENT_TIME: pl.Int64, SEQUENCE_TIME: pl.Int64}
    made = pl.DataFrame(rows, schema=raw, orient="row").with_row_index("number")
    return made.cast({EVENT_TIME: TIME, SEQUENCE_TIME: TIME})


@given(rows=rows_of_few, points=points_of_few, ttl_us=st.integers(0, 12))
def test_the_newest_row_is_the_one_that_a_plain_search_finds(rows: Rows, points: Points, ttl_us: int) -> None:
    """At all points at once as at each alone: the greatest (event time, sequence) that is there and alive."""
    kept = sorted_rows(table(rows))
    asked = np.array([PEOPLE.index(person) for person, _ in points])
    found = newest(kept, PEOPLE, asked, np.array([at for _, at in points]), ttl_us)
    for (person, at), place in zip(points, found, strict=True):
        there = [row for row in rows if row[0] == person and row[1] <= at]
        there = [row for row in there if not ttl_us or at - max(there)[1] <= ttl_us]
        assert (place == NONE) == (not there)
        if there:
            assert rows[kept.features["number"][int(place)]] == max(there)


def moods(person: str, numbers: Iterable[int]) -> list[HistoryRow]:
    """Return one row of a person at each instant, with its instant as mood."""
    return [HistoryRow(person, Source.MOOD, n, n, ServedMood(n, (n,), (n,), (0,))) for n in numbers]


def read(history: History, points: Points) -> list[int | None]:
    """Return the instant of the row at each point."""
    persons, instants = pl.Series([person for person, _ in points]), np.array([at for _, at in points])
    return features_at(history, "mood", ["last_us", "mood"], persons, instants, ttl_us=0)["last_us"].to_list()


@pytest.fixture
def remembered(monkeypatch: pytest.MonkeyPatch) -> Remembered:
    """Return an empty memory in place of the process's."""
    memory = Remembered()
    monkeypatch.setattr(point_in_time, "REMEMBERED", memory)
    return memory


def test_points_of_many_buckets_come_back_in_their_order(home: Path, remembered: Remembered) -> None:
    """Also the second time, from memory, and also in reverse."""
    history = History(home / "history")
    people = [f"person{number}" for number in range(100)]
    history.append(row for number, person in enumerate(people) for row in moods(person, (number + 1, number + 500)))
    points = [(person, number + 1) for number, person in enumerate(people)] + [("nobody", 9), ("person3", 900)]
    wanted = [*range(1, 101), None, 503]
    assert read(history, points) == wanted
    assert remembered.bytes > 0
    assert read(history, points) == wanted
    assert read(history, points[::-1]) == wanted[::-1]


def test_what_is_remembered_is_never_older_than_the_files(home: Path, remembered: Remembered) -> None:
    """A new part, a merged one and a forgotten person are seen at once."""
    history = History(home / "history")
    for number in (1, 2, 3):
        history.append(moods("anna", [number]))
        assert read(history, [("anna", 9)]) == [number]
    compact(history, many=2)
    assert read(history, [("anna", 2)]) == [2]
    history.forget("anna")
    assert read(history, [("anna", 9)]) == [None]
    remembered.forget()
    assert (remembered.bytes, read(history, [("anna", 9)])) == (0, [None])


def test_memory_is_bounded_whatever_is_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit is dropped and read again."""
    memory = Remembered(capacity_bytes=2_000)
    monkeypatch.setattr(point_in_time, "REMEMBERED", memory)
    history = History(home / "history")
    people = [f"person{number}" for number in range(50)]
    history.append(row for person in people for row in moods(person, range(1, 6)))
    for _ in range(2):
        assert read(history, [(person, 3) for person in people]) == [3] * 50
        assert memory.bytes <= 2_000


def test_a_damaged_part_is_named_here_too(home: Path, remembered: Remembered) -> None:
    """No row of it is returned."""
    history = History(home / "history")
    history.append(moods("anna", [1]))
    (part,) = history.parts("mood")
    part.write_bytes(part.read_bytes()[:-1] + b"!")
    with pytest.raises(Malformed, match=part.name):
        read(history, [("anna", 9)])
    assert remembered.bytes == 0


def test_nothing_asked_gives_an_empty_table(home: Path) -> None:
    """With the columns of the view."""
    assert read(History(home / "history"), []) == []
