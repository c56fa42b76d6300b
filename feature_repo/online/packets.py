"""Rows of the online tables, and the packet that a decision reads."""

from collections.abc import Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, NamedTuple

from cachetools import FIFOCache

from data_contracts.features import Source
from data_contracts.identifiers import PersonId
from data_contracts.served import ServedRow
from feature_repo.state.packed_view import newest_word, pack_view, unpack_view

CHUNK = 64  # rows per transaction, so that no writer holds the file for more than about 5 ms
POOL = "pool"
KEPT_ROWS = 4_096
EMPTY = ServedRow()
POSITIONS: dict[str, int] = {name: index for index, name in enumerate(ServedRow._fields)}


Stored = list[tuple[str, int, bytes]]  # (view, time, payload) rows as they are read


class ViewRow(NamedTuple):
    """One stored view of one person."""

    person: str
    view: str
    event_us: int
    sequence: int
    payload: bytes


class StoredPool(NamedTuple):
    """A person's candidate pool as it lies here, sealed."""

    built_us: int
    box: bytes


class OnlinePacket(NamedTuple):
    """All that a decision reads of a person's features, and which candidate pool is theirs."""

    row: ServedRow
    event_us: int  # of the newest view, 0 when the person is unknown here
    pool_built_us: int  # 0 when there is none


def view_rows(person: str, parts: Mapping[Source, NamedTuple], event_us: int, sequence: int) -> list[ViewRow]:
    """Return the packed rows of some views of a person."""
    return [ViewRow(person, source.value, event_us, sequence, pack_view(part)) for source, part in parts.items()]


def words(heads: Iterable[tuple[str, str, bytes]]) -> Iterator[tuple[str, Source, int]]:
    """Yield (person, source, time of the newest word) of (person, view, first bytes) rows."""
    for person, view, head in heads:
        source = Source(view)
        yield person, source, newest_word(source, head)


class Packets:
    """Makes packets of what was read, and decodes a row only when its bytes are not those of the last time.

    The bytes are read at each decision, so a row that is kept here is never older than the tables.
    """

    def __init__(self, size: int = KEPT_ROWS) -> None:
        self._kept: FIFOCache[PersonId, tuple[Stored, ServedRow]] = FIFOCache(size)
        self._lock = Lock()

    def packet(self, person: PersonId, stored: Stored) -> OnlinePacket:
        """Return the packet of (view or pool, time, payload) rows, the pool last and without its payload."""
        pool_built_us = 0
        if stored and stored[-1][0] == POOL:
            pool_built_us = stored[-1][1]
            stored = stored[:-1]
        if not stored:
            return OnlinePacket(EMPTY, 0, pool_built_us)
        row = self._row(person, stored)
        return OnlinePacket(row, max(at_us for _, at_us, _ in stored), pool_built_us)

    def _row(self, person: PersonId, stored: Stored) -> ServedRow:
        try:
            kept, row = self._kept[person]  # of a FIFO this changes nothing, so it needs no lock
        except KeyError:
            return self._decoded(person, stored)
        return row if kept == stored else self._decoded(person, stored)

    def _decoded(self, person: PersonId, stored: Stored) -> ServedRow:
        parts: list[Any] = list(EMPTY)
        for name, _, payload in stored:
            parts[POSITIONS[name]] = unpack_view(Source(name), payload)
        row = ServedRow(*parts)
        with self._lock:
            self._kept[person] = (stored, row)
        return row

    def remembered(self) -> set[PersonId]:
        """Return whose rows are in memory."""
        with self._lock:
            return set(self._kept)

    def forget(self, person: PersonId) -> None:
        """Drop the row of a person."""
        with self._lock:
            self._kept.pop(person, None)
