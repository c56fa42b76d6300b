"""The vectors of a hundred people straight from the stored bytes: what `feature_read` measures, and nothing else uses.

The stored form already holds a part's integers side by side, so the integers of all rows are one join and no object is
made per person.
"""

import json
import sqlite3
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter

import numpy as np

from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.served import VIEWS, ServedRow
from feature_repo.online.packets import POSITIONS
from feature_repo.state.packed_view import LAYOUTS, NAMES, SINGLE, VERSION, pack_view
from feature_repo.vector.served_columns import INTEGER, Integers, ServedColumns, columns_of

LENGTH = np.dtype("<u2")
EMPTY = {source: pack_view(getattr(ServedRow(), source.value)) for source in VIEWS}
LISTED = {
    source: [kind != SINGLE for kind in LAYOUTS[source].kinds if kind != NAMES] for source in VIEWS
}  # of a view's numeric fields, which are lists
READ_STORED = (
    f"SELECT asked.key, {', '.join(f'{view}.payload' for view in POSITIONS)} FROM json_each(?) AS asked "  # noqa: S608 - names of the served row
    + " ".join(
        f"LEFT JOIN served AS {view} ON {view}.person = asked.value AND {view}.view = '{view}'" for view in POSITIONS
    )
)

StoredParts = tuple[bytes | None, ...]  # of one person, in the order of the served row's parts


def read_stored(connection: sqlite3.Connection, persons: Sequence[str]) -> list[StoredParts]:
    """Return the stored parts of many people, in their order, in one statement."""
    rows = connection.execute(READ_STORED, (json.dumps(list(persons)),)).fetchall()
    return [row[1:] for row in sorted(rows, key=itemgetter(0))]


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
    return columns_of(b"".join(chain.from_iterable(zip(*blocks, strict=True))), np.concatenate(sizes, axis=1))


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
