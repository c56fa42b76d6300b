"""Laws of the drift test: sums merge, a shift is named, and without one it stays quiet."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.promotion.drift import Span, drift

COLUMNS = ("reward", "mood", "place")


def span(seed: int, *, people: int = 20, days: int = 3, shift: float = 0.0) -> Span:
    """Return days of people, five rows each, the mood moved by `shift` standard deviations."""
    rng = np.random.default_rng(seed)
    lived = Span()
    for person in range(people):
        for day in range(days):
            for _ in range(5):
                lived.add((f"p{person}", day), rng.normal((0.0, shift, 0.0), 1.0))
    return lived


def test_what_moved_is_named_with_its_means() -> None:
    """A mood that sinks is named, with what it was and what it is."""
    found = drift(COLUMNS, span(1), span(2, shift=-1.0))
    assert (found.column, found.p_value < 0.001) == ("mood", True)
    assert found.before == pytest.approx(0.0, abs=0.2)
    assert found.after == pytest.approx(-1.0, abs=0.2)


def test_without_drift_it_stays_quiet() -> None:
    """Of a hundred calm worlds about one is called moved: the level is for all columns together."""
    moved = [seed for seed in range(100) if drift(COLUMNS, span(seed), span(1_000 + seed)).column]
    assert len(moved) <= 4


def test_little_says_nothing_and_what_is_unknown_is_left_out() -> None:
    """Below twenty person-days there is no test, and a column that nobody knows is none."""
    assert math.isnan(drift(COLUMNS, span(1), span(2, people=6, shift=3.0)).p_value)
    blind = Span()
    for person in range(30):
        blind.add((f"p{person}", 0), np.array([0.1 * person, math.nan, 0.0]))
    assert drift(COLUMNS, span(1), blind).column != "mood"


@given(st.integers(0, 15), st.integers(0, 2**32 - 1))
def test_parts_merge_to_the_whole(cut: int, seed: int) -> None:
    """However rows are cut into parts, and whichever block they fall into, the sums are those of all rows."""
    rng = np.random.default_rng(seed)
    rows = [((f"p{rng.integers(3)}", int(rng.integers(2))), rng.integers(0, 9, 3).astype(float)) for _ in range(15)]
    whole, first, second = Span(), Span(), Span()
    for number, (block, values) in enumerate(rows):
        whole.add(block, values)
        (first if number < cut else second).add(block, values)
    merged = first + second
    assert merged.blocks.keys() == whole.blocks.keys()
    assert all((merged.blocks[block] == whole.blocks[block]).all() for block in whole.blocks)
