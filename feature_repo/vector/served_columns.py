"""The numbers of many people's served rows in one array, as the vectors of a batch read them.

The stored form already holds a part's integers side by side, so the integers of all rows are one join and no object is
made per person. Field f of row r lies at `flat[starts[r, f] : starts[r, f] + sizes[r, f]]`. Keys are left out: no
feature reads them.
"""

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.served import VIEWS, ServedRow
from feature_repo.state.packed_view import LAYOUTS, NAMES, SINGLE, VERSION, pack_view

Integers = NDArray[np.int64]
LENGTH = np.dtype("<u2")
INTEGER = np.dtype("<i8")
EMPTY = {source: pack_view(getattr(ServedRow(), source.value)) for source in VIEWS}
NUMERIC = [
    (source, name, kind)
    for source, part in VIEWS.items()
    for name, kind in zip(part._fields, LAYOUTS[source].kinds, strict=True)
    if kind != NAMES
]
PLACES = [
    (view, position, kind)
    for view, layout in enumerate(LAYOUTS.values())
    for position, kind in enumerate(layout.kinds)
    if kind != NAMES
]
FIELD = {(source, name): index for index, (source, name, _) in enumerate(NUMERIC)}
DESCENDING = {"done_us", "log_us", "report_us", "shown_us", "reaction_us"}
NEWEST_FIRST = np.array([name in DESCENDING for _, name, _ in NUMERIC])
LISTED = {
    source: [kind != SINGLE for kind in LAYOUTS[source].kinds if kind != NAMES] for source in VIEWS
}  # of a view's numeric fields, which are lists


class ServedColumns(NamedTuple):
    """Rows as columns: `starts` and `sizes` have the shape (rows, numeric fields)."""

    flat: Integers
    starts: Integers
    sizes: Integers

    def rows(self, first: int, last: int) -> "ServedColumns":
        """Return the rows in [first, last)."""
        starts, sizes = self.starts[first:last], self.sizes[first:last]
        begin, end = (int(starts[0, 0]), int(starts[-1, -1] + sizes[-1, -1])) if len(starts) else (0, 0)
        return ServedColumns(self.flat[begin:end], starts - begin, sizes)

    def single(self, source: Source, name: str) -> Integers:
        """Return a number of each row."""
        return self.flat[self.starts[:, FIELD[source, name]]]

    def size(self, source: Source, name: str) -> Integers:
        """Return how long a list of each row is."""
        return self.sizes[:, FIELD[source, name]]

    def matrix(self, source: Source, name: str, fill: int) -> Integers:
        """Return a list of each row, filled up to the longest of them."""
        field = FIELD[source, name]
        sizes = self.sizes[:, field, None]
        steps = np.arange(int(sizes.max(initial=0)))
        found = self.flat.take(self.starts[:, field, None] + steps, mode="clip")  # behind the end is not used
        return np.where(steps < sizes, found, fill)

    def at(self, source: Source, name: str, position: Integers, there: NDArray[np.bool_]) -> Integers:
        """Return of each row the list's number at a position, 0 where there is none."""
        places = np.where(there, self.starts[:, FIELD[source, name]] + position, 0)
        return np.where(there, self.flat[places], 0)

    def up_to(self, asked: Sequence[tuple[Source, str, Integers]]) -> list[Integers]:
        """Return for each (view, list of times, threshold of each row) how many times are not after the threshold.

        All lists are bisected at once: a number is moved into a range of its own row and field, in the order in
        which it lies there, so that the whole array ascends.
        """
        fields = np.array([FIELD[source, name] for source, name, _ in asked])
        thresholds = np.stack([at_us for _, _, at_us in asked], axis=1)
        if not thresholds.size:
            return [at_us for _, _, at_us in asked]
        low, high = int(thresholds.min()) - 1, int(thresholds.max()) + 1
        if self.sizes.size * (high - low + 1) >= np.iinfo(np.int64).max:
            raise Malformed("the rows of a batch are too many, or too far apart in time")
        bases = np.arange(self.sizes.size).reshape(self.sizes.shape) * (high - low + 1)
        signs = np.where(NEWEST_FIRST, -1, 1)
        origins = bases - np.where(NEWEST_FIRST, -high, low)
        sizes = self.sizes.ravel()
        keys = np.clip(self.flat, low, high)
        keys *= np.repeat(np.tile(signs, len(self.sizes)), sizes)
        keys += np.repeat(origins.ravel(), sizes)
        wanted = thresholds * signs[fields] + origins[:, fields] - NEWEST_FIRST[fields]
        passed = np.searchsorted(keys, wanted, side="right") - self.starts[:, fields]
        counts = np.where(NEWEST_FIRST[fields], self.sizes[:, fields] - passed, passed)
        return list(counts.T)


def of_packed(stored: Sequence[Sequence[bytes | None]]) -> ServedColumns:
    """Return rows of their stored parts, one sequence per row in the order of the views; None is an empty part.

    Raises `Malformed` for a part of an unknown form.
    """
    sizes: list[Integers] = []
    blocks: list[list[bytes]] = []
    for number, (source, empty) in enumerate(EMPTY.items()):
        lengths, block = _integers(source, [empty if (part := parts[number]) is None else part for parts in stored])
        sizes.append(lengths)
        blocks.append(block)
    return _columns(b"".join(chain.from_iterable(zip(*blocks, strict=True))), np.concatenate(sizes, axis=1))


def of_rows(rows: Sequence[ServedRow]) -> ServedColumns:
    """Return the rows as columns."""
    sizes = np.ones((len(rows), len(NUMERIC)), np.int64)
    numbers = array("q")
    for place, row in enumerate(rows):
        parts: Any = row
        for field, (view, position, kind) in enumerate(PLACES):
            value = parts[view][position]
            if kind == SINGLE:
                numbers.append(value)
            else:
                numbers.extend(value)
                sizes[place, field] = len(value)
    return _columns(numbers.tobytes(), sizes)


def _columns(numbers: bytes, sizes: Integers) -> ServedColumns:
    ends = np.cumsum(sizes.ravel())
    if len(numbers) != INTEGER.itemsize * int(sizes.sum()):
        raise Malformed("stored views hold more or fewer numbers than their lists are long")
    return ServedColumns(np.frombuffer(numbers, INTEGER), ends.reshape(sizes.shape) - sizes, sizes)


def _integers(source: Source, payloads: list[bytes]) -> tuple[Integers, list[bytes]]:
    """Return the sizes of a view's numeric fields, and the bytes of its integers."""
    layout = LAYOUTS[source]
    header = layout.lengths.size
    raw = np.frombuffer(b"".join([payload[:header] for payload in payloads]), np.uint8)
    if raw.size != header * len(payloads) or (raw[::header] != VERSION).any():
        raise Malformed(f"a stored view of {source.value} has a form that this version does not know")
    lengths = raw.reshape(-1, header)[:, 1:].copy().view(LENGTH)[:, list(layout.numbers)]
    sizes = np.ones((len(payloads), len(LISTED[source])), np.int64)
    sizes[:, LISTED[source]] = lengths
    ends = (header + INTEGER.itemsize * sizes.sum(axis=1)).tolist()
    return sizes, [payload[header:end] for payload, end in zip(payloads, ends, strict=True)]
