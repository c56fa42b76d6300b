"""The rows of the online tables, and the packet that a decision reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from data_contracts.features import Source
from data_contracts.served import ServedRow
from feature_repo.packed_view import newest_word, pack_view, unpack_view

CHUNK = 64  # rows per transaction, so that no writer holds the file for more than about 5 ms
POOL = "pool"
EMPTY = ServedRow()
POSITIONS: dict[str, int] = {name: index for index, name in enumerate(ServedRow._fields)}


StoredParts = tuple[bytes | None, ...]  # of one person, in the order of the served row's parts


class ViewRow(NamedTuple):
    """One stored view of one person."""

    person: str
    view: str
    event_us: int
    sequence: int
    payload: bytes


class OnlinePacket(NamedTuple):
    """All that a decision reads of a person's features, and the sealed candidate pool."""

    row: ServedRow
    event_us: int  # of the newest view, 0 when the person is unknown here
    pool: bytes | None
    pool_built_us: int


def view_rows(person: str, parts: Mapping[Source, NamedTuple], event_us: int, sequence: int) -> list[ViewRow]:
    """Return the packed rows of some views of a person."""
    return [ViewRow(person, source.value, event_us, sequence, pack_view(part)) for source, part in parts.items()]


def words(heads: Iterable[tuple[str, str, bytes]]) -> Iterator[tuple[str, Source, int]]:
    """Yield (person, source, time of the newest word) of (person, view, first bytes) rows."""
    for person, view, head in heads:
        source = Source(view)
        yield person, source, newest_word(source, head)


def packet(stored: Iterable[tuple[str, int, bytes]]) -> OnlinePacket:
    """Return the packet of (view or pool, time, payload) rows."""
    parts: list[Any] = list(EMPTY)
    newest_us = pool_built_us = 0
    pool = None
    for name, at_us, payload in stored:
        if name == POOL:
            pool, pool_built_us = payload, at_us
        else:
            parts[POSITIONS[name]] = unpack_view(Source(name), payload)
            newest_us = max(newest_us, at_us)
    return OnlinePacket(ServedRow(*parts), newest_us, pool, pool_built_us)
