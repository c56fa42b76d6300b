"""Point-in-time joins: for each asked (person, instant) the newest row that was there, unless it has expired."""

from collections.abc import Sequence

import polars as pl

from feature_repo.history import EVENT_TIME, PERSON, SEQUENCE_TIME

ROW = "_row"
ASKED, ASKED_AT = "_asked", "_asked_at"


def newest(history: pl.DataFrame, persons: pl.Series, instants: pl.Series, ttl_us: int) -> pl.Series:
    """Return for each (person, instant) the index of its row in `history`, null where there is none.

    `history` needs only the key columns. A row counts when instant - ttl <= its event time <= instant; of equal event
    times the greatest sequence wins. A `ttl_us` of 0 never expires. Only keys are sorted and joined, so the cost does
    not grow with the width of the view.
    """
    asked = pl.DataFrame({PERSON: persons, ASKED_AT: instants}).with_row_index(ASKED)
    rows = history.select(PERSON, EVENT_TIME, SEQUENCE_TIME).with_row_index(ROW).sort(EVENT_TIME, SEQUENCE_TIME)
    joined = asked.sort(ASKED_AT).join_asof(
        rows,
        left_on=ASKED_AT,
        right_on=EVENT_TIME,
        by=PERSON,
        strategy="backward",
        check_sortedness=False,  # sorted above; polars cannot know it within groups
    )
    alive = pl.lit(True) if ttl_us == 0 else pl.col(ASKED_AT) - pl.col(EVENT_TIME) <= pl.duration(microseconds=ttl_us)
    return joined.sort(ASKED).select(pl.when(alive).then(pl.col(ROW)))[ROW]


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


def take(columns: pl.DataFrame, names: Sequence[str], rows: pl.Series) -> list[pl.Series]:
    """Return some columns at the given row indices; null indices give null values."""
    return [columns[name].gather(rows) for name in names]
