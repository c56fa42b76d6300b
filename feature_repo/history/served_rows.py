"""The history of served rows: append-only Parquet, one folder per view and bucket of persons.

`<root>/<view>/bucket=xx/<rows>-<sha256>.parquet`. A part is written to a temporary file, synced, and renamed to the
name that carries its digest, so a part is whole or absent, the same part twice is one file, and a damaged part is
named instead of read. Nothing is changed in place: forgetting a person and compacting write new parts and then remove
the old ones. Between the two steps a row can exist twice, which no reader notices, because readers take one row per
(person, event time, sequence). Feast reads these files and never writes them by itself.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from data_contracts.features import Source
from data_contracts.served import VIEWS
from feature_repo.history import parquet_parts
from feature_repo.state.packed_view import LAYOUTS

BUCKETS = 64
ATTEMPTS = 5  # at listing and opening the parts while others replace them
SINGLE, MANY, KEYS = pl.Int64(), pl.List(pl.Int64()), pl.List(pl.String())
PERSON, EVENT_TIME, SEQUENCE_TIME = "person", "event_timestamp", "created_timestamp"
TIME = pl.Datetime("us", "UTC")


class HistoryRow(NamedTuple):
    """What one view of one person was from an instant on; of one instant the greatest sequence counts."""

    person: str
    source: Source
    event_us: int
    sequence: int
    part: NamedTuple


def schema(source: Source) -> dict[str, pl.DataType]:
    """Return the columns of a view. `created_timestamp` is the event sequence, counted in microseconds of the epoch."""
    layout = LAYOUTS[source]
    kinds = [
        (KEYS if keys else MANY) if is_list else SINGLE for is_list, keys in zip(layout.lists, layout.keys, strict=True)
    ]
    fields = dict(zip(VIEWS[source]._fields, kinds, strict=True))
    return {PERSON: pl.String(), EVENT_TIME: TIME, SEQUENCE_TIME: TIME, **fields}


def frame(source: Source, rows: Iterable[HistoryRow]) -> pl.DataFrame:
    """Return rows of one view as columns."""
    table = [(row.person, row.event_us, row.sequence, *row.part) for row in rows]
    columns = schema(source)
    raw = {name: pl.Int64() if kind == TIME else kind for name, kind in columns.items()}
    return pl.DataFrame(table, schema=raw, orient="row").cast({EVENT_TIME: TIME, SEQUENCE_TIME: TIME})


def bucket(person: str) -> int:
    """Return the bucket of a person."""
    return hashlib.sha256(person.encode()).digest()[0] % BUCKETS


class History:
    """The parts below one folder; several processes may append, read and forget at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: set[tuple[Path, int]] = set()

    def append(self, rows: Iterable[HistoryRow]) -> None:
        """Keep rows, at most one new part per view and bucket."""
        groups: dict[tuple[Source, int], list[HistoryRow]] = defaultdict(list)
        for row in rows:
            groups[row.source, bucket(row.person)].append(row)
        with parquet_parts.locked(self.root, shared=True):
            for (source, number), group in groups.items():
                self._write(self._folder(source.value, number), frame(source, group))

    def append_frame(self, view: str, table: pl.DataFrame) -> None:
        """Keep the rows of a table that has the columns of the view."""
        numbers = table[PERSON].map_elements(bucket, return_dtype=pl.Int64)
        with parquet_parts.locked(self.root, shared=True):
            for (number,), group in table.with_columns(numbers.alias("_bucket")).group_by("_bucket"):
                self._write(self._folder(view, int(str(number))), group.drop("_bucket"))

    def read(
        self, view: str, columns: Sequence[str] | None = None, persons: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Return the rows of a view, of some persons only when they are named; in no order, possibly repeated."""
        return self._read(view, columns, lambda: self.parts(view, persons))[0]

    def read_bucket(self, view: str, number: int, columns: Sequence[str]) -> tuple[pl.DataFrame, tuple[Path, ...]]:
        """Return the rows of one bucket and the parts that they are from; of a single part in the order of the keys."""
        return self._read(view, columns, lambda: self.parts_of(view, number))

    def _read(
        self, view: str, columns: Sequence[str] | None, listed: Callable[[], list[Path]]
    ) -> tuple[pl.DataFrame, tuple[Path, ...]]:
        for attempt in range(ATTEMPTS):
            parts = listed()
            try:
                return self._table(view, columns, parts), tuple(parts)
            except FileNotFoundError:  # a part was replaced between listing and opening: list again
                if attempt == ATTEMPTS - 1:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _table(self, view: str, columns: Sequence[str] | None, parts: list[Path]) -> pl.DataFrame:
        for part in parts:
            self.verify(part)
        if parts:
            return pl.read_parquet(parts, columns=list(columns) if columns else None, hive_partitioning=False)
        kinds: dict[str, Any] = schema(Source(view))
        return pl.DataFrame(schema={name: kinds[name] for name in columns or kinds})

    def parts(self, view: str, persons: Sequence[str] | None = None) -> list[Path]:
        """Return the parts of a view, only those that can hold the named persons."""
        if persons is None or len(persons) >= BUCKETS:
            return sorted((self.root / view).glob("bucket=*/*.parquet"))
        numbers = {bucket(person) for person in persons}
        return sorted(part for number in numbers for part in self.parts_of(view, number))

    def parts_of(self, view: str, number: int) -> list[Path]:
        """Return the parts of one bucket of a view."""
        return sorted(self._folder(view, number).glob("*.parquet"))

    def verify(self, part: Path) -> None:
        """Raise `Malformed`, naming the part, when its bytes are not those once written; checked once a process."""
        key = (part, part.stat().st_mtime_ns)
        if key in self._verified:
            return
        parquet_parts.verify(part)
        self._verified.add(key)

    def forget(self, person: str) -> None:
        """Rewrite every part that holds the person, without them."""
        for view in VIEWS:
            self._keep_only(f"{view.value}/bucket={bucket(person):02x}", pl.col(PERSON) != person)

    def expire(self, before_us: int) -> int:
        """Rewrite every part that holds rows from before then, without them; return how many rows went."""
        return self._keep_only("*/bucket=*", pl.col(EVENT_TIME).to_physical() >= before_us)

    def _keep_only(self, folders: str, wanted: pl.Expr) -> int:
        """Rewrite parts so that only wanted rows are left, the new part first; return how many rows went."""
        gone = 0
        with parquet_parts.locked(self.root):
            for folder in self.root.glob(folders):
                for leftover in folder.glob("*.tmp"):
                    leftover.unlink()
                for part in folder.glob("*.parquet"):
                    table = pl.read_parquet(part, hive_partitioning=False)
                    kept = table.filter(wanted)
                    if kept.height < table.height:
                        if kept.height:
                            self._write(folder, kept)
                        part.unlink()
                        self._verified.clear()
                        gone += table.height - kept.height
        return gone

    @contextmanager
    def replacing(self) -> Iterator[None]:
        """Hold the folder for one writer that replaces parts."""
        with parquet_parts.locked(self.root):
            yield

    def _write(self, folder: Path, table: pl.DataFrame) -> None:
        temporary = parquet_parts.temporary(folder)
        try:
            table.sort(PERSON, EVENT_TIME, SEQUENCE_TIME).write_parquet(temporary, compression="zstd")
            parquet_parts.adopt(folder, temporary, table.height)
        finally:
            temporary.unlink(missing_ok=True)

    def _folder(self, view: str, number: int) -> Path:
        return self.root / view / f"bucket={number:02x}"
