"""Numbers of many served rows in one array, as the batch of vectors reads them.

Field f of row r lies at `flat[starts[r, f] : starts[r, f] + sizes[r, f]]`. Keys are left out: no
feature reads them.
"""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.served import VIEWS, ServedRow
from feature_repo.state.packed_view import LAYOUTS, NAMES, SINGLE

Integers = NDArray[np.int64]
INTEGER = np.dtype("<i8")
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
    return columns_of(numbers.tobytes(), sizes)


def columns_of(numbers: bytes, sizes: Integers) -> ServedColumns:
    """Return rows of their integers side by side and the lengths of their fields, of shape (rows, numeric fields).

    Raises `Malformed` when the lengths do not add up to the integers.
    """
    ends = np.cumsum(sizes.ravel())
    if len(numbers) != INTEGER.itemsize * int(sizes.sum()):
        raise Malformed("stored views hold more or fewer numbers than their lists are long")
    return ServedColumns(np.frombuffer(numbers, INTEGER), ends.reshape(sizes.shape) - sizes, sizes)
