"""Point-in-time reads: for each (person, instant) the newest row of that time, unless it has expired."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_repo.history.served_rows import EVENT_TIME, PERSON, SEQUENCE_TIME

Integers = NDArray[np.int64]
NONE = -1  # no row


class SortedRows(NamedTuple):
    """Rows of one view by (person, event time, sequence); `spans` says where each person's begin and end."""

    features: pl.DataFrame
    times_us: Integers
    spans: dict[str, tuple[int, int]]

    @property
    def bytes(self) -> int:
        """About what it holds in memory."""
        return int(self.features.estimated_size()) + self.times_us.nbytes + 200 * len(self.spans)


def sorted_rows(table: pl.DataFrame, *, in_order: bool = False) -> SortedRows:
    """Return the rows of a view for point-in-time reading; `in_order` says that they are sorted by their keys."""
    rows = table if in_order else table.sort(PERSON, EVENT_TIME, SEQUENCE_TIME)
    runs = rows[PERSON].rle().struct.unnest()
    ends = runs["len"].cast(pl.Int64).cum_sum().to_list()
    spans = dict(zip(runs["value"].to_list(), zip([0, *ends[:-1]], ends, strict=True), strict=True)) if ends else {}
    times_us = rows[EVENT_TIME].to_physical().to_numpy()
    return SortedRows(rows.drop(PERSON, EVENT_TIME, SEQUENCE_TIME).rechunk(), times_us, spans)


def newest(rows: SortedRows, people: Sequence[str], asked: Integers, instants_us: Integers, ttl_us: int) -> Integers:
    """Return for each asked (index of a person in `people`, instant) the position of its row, `NONE` without one.

    A row counts when instant - ttl <= its event time <= instant; of equal event times the greatest sequence wins. A
    `ttl_us` of 0 never expires. All points are bisected at once, each within the rows of its person.
    """
    times_us = rows.times_us
    spans = np.array([rows.spans.get(person, (0, 0)) for person in people], np.int64).reshape(-1, 2)[asked]
    first, low, high = spans[:, 0], spans[:, 0].copy(), spans[:, 1].copy()
    while (searching := np.flatnonzero(low < high)).size:
        middle = (low[searching] + high[searching]) // 2
        there = times_us[middle] <= instants_us[searching]
        low[searching[there]] = middle[there] + 1
        high[searching[~there]] = middle[~there]
    found: Integers = low - 1
    found[found < first] = NONE
    if ttl_us:
        kept = found != NONE
        kept[kept] = instants_us[kept] - times_us[found[kept]] <= ttl_us
        found[~kept] = NONE
    return found


def latest(history: pl.DataFrame) -> pl.DataFrame:
    """Return the newest row of each person."""
    return history.sort(EVENT_TIME, SEQUENCE_TIME).unique(subset=PERSON, keep="last", maintain_order=True)


def between(history: pl.DataFrame, start_us: int | None, end_us: int | None) -> pl.DataFrame:
    """Return the rows whose event time lies in [start, end]."""
    times = pl.col(EVENT_TIME).to_physical()
    if start_us is not None:
        history = history.filter(times >= start_us)
    if end_us is not None:
        history = history.filter(times <= end_us)
    return history


def take(rows: SortedRows, positions: Integers) -> pl.DataFrame:
    """Return the features at some positions; `NONE` gives null values."""
    indices = pl.Series("row", positions)
    return rows.features.select(pl.all().gather(indices.set(indices < 0, None)))
