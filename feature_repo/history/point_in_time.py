"""Reads history at many (person, instant) points: bucket by bucket, in parallel, with a cache.

Only the buckets of the asked people are opened, so memory grows with the answer and not with the history. A bucket
that was read stays in memory, sorted, while `Remembered` has room for it; it is used again only when the parts on disk
are the same ones, by name, which is the digest of their bytes.
"""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from cachetools import LRUCache

from feature_repo.history.as_of import Integers, SortedRows, newest, sorted_rows, take
from feature_repo.history.served_rows import EVENT_TIME, PERSON, SEQUENCE_TIME, History, bucket

WORKERS = 2
CAPACITY_BYTES = 384 * 1024**2


class _Bucket(NamedTuple):
    parts: tuple[Path, ...]
    rows: SortedRows


class Remembered:
    """Sorted buckets, the least recently used ones dropped first; safe to use from several threads."""

    def __init__(self, capacity_bytes: int = CAPACITY_BYTES) -> None:
        self._guard = threading.Lock()
        self._kept: LRUCache[tuple[Path, str, int, tuple[str, ...]], _Bucket] = LRUCache(
            capacity_bytes, getsizeof=lambda bucket: bucket.rows.bytes
        )

    @property
    def bytes(self) -> int:
        """About what is held in memory."""
        return int(self._kept.currsize)

    def rows(self, history: History, view: str, number: int, names: Sequence[str]) -> SortedRows:
        """Return a bucket of a view with some of its features, read when it is new or has changed."""
        key = (history.root, view, number, tuple(names))
        parts = tuple(history.parts_of(view, number))
        with self._guard:
            held = self._kept.get(key)
            if held is not None and held.parts == parts:
                return held.rows
            self._kept.pop(key, None)
        table, parts = history.read_bucket(view, number, [PERSON, EVENT_TIME, SEQUENCE_TIME, *names])
        rows = sorted_rows(table, in_order=len(parts) <= 1)  # a part is written in order
        with self._guard:
            if rows.bytes <= self._kept.maxsize:  # what is larger than the whole memory is not kept
                self._kept[key] = _Bucket(parts, rows)
        return rows

    def forget(self) -> None:
        """Let go of everything."""
        with self._guard:
            self._kept.clear()


REMEMBERED = Remembered()  # of this process; a retrieval empties it when it is done


def features_at(
    history: History, view: str, names: Sequence[str], persons: pl.Series, instants_us: Integers, *, ttl_us: int
) -> pl.DataFrame:
    """Return the features of a view, in the order of the points, null where nothing was known."""
    people, codes = _coded(persons)
    buckets = np.array([bucket(person) for person in people], np.int64)[codes]
    order = np.argsort(buckets, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(buckets[order])) + 1) if order.size else []

    def read(points: Integers) -> pl.DataFrame:
        rows = REMEMBERED.rows(history, view, int(buckets[points[0]]), names)
        within, places = np.unique(codes[points], return_inverse=True)
        return take(rows, newest(rows, [people[code] for code in within], places, instants_us[points], ttl_us))

    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(read, groups))
    if not found:
        return history.read(view, list(names), persons=[])
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return pl.concat(found, rechunk=True).select(pl.all().gather(pl.Series("back", back)))


def _coded(persons: pl.Series) -> tuple[list[str], Integers]:
    """Return the different persons, and of each point the index of its person among them."""
    people = pl.DataFrame([persons.unique().alias(PERSON)]).with_row_index("code")
    asked = pl.DataFrame([persons.alias(PERSON)]).join(people, on=PERSON, how="left", maintain_order="left")
    return people[PERSON].to_list(), asked["code"].cast(pl.Int64).to_numpy()
