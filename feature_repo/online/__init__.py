"""The online tables: one packed row per person and view, and the candidate pool, read in one statement.

The hot path reads and the stream writes through here, and the Feast online store is a thin coat over the same class,
so nothing in this module imports feast. A write wins only when its (event time, sequence) is newer than what is
stored, so late and repeated materialisation cannot take a value back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from data_contracts.features import Source
from feature_repo.online.packets import OnlinePacket, Packets, StoredPool, ViewRow, view_rows
from feature_repo.online.sqlite_file import OnlineFile

__all__ = [
    "OnlineFile",
    "OnlinePacket",
    "OnlineTables",
    "StoredPool",
    "ViewRow",
    "open_online",
    "view_rows",
]


class OnlineTables(Protocol):
    """Where served rows live; safe to use from several threads. `packets` remembers the rows read last."""

    packets: Packets

    def read(self, person: str) -> OnlinePacket:
        """Return the served row of a person; views that were never written are empty."""
        ...

    def read_pool(self, person: str) -> StoredPool | None:
        """Return the pool of a person, which is larger than all the rest; who has it open need not read it."""
        ...

    def read_views(self, persons: Sequence[str], view: str) -> dict[str, ViewRow]:
        """Return one view of many persons."""
        ...

    def newest_words(self) -> Iterator[tuple[str, Source, int]]:
        """Yield (person, source, time of its newest word) of every stored view."""
        ...

    def write(self, person: str, parts: Mapping[Source, NamedTuple], event_us: int, sequence: int) -> None:
        """Write the changed views of a person; an older (event time, sequence) than the stored one changes nothing."""
        ...

    def write_rows(self, rows: Iterable[ViewRow]) -> None:
        """Write packed views of many persons under the same guard, in short transactions."""
        ...

    def write_pool(self, person: str, built_us: int, payload: bytes) -> None:
        """Replace a person's candidate pool unless the stored one was built later."""
        ...

    def delete(self, person: str) -> None:
        """Remove everything about a person."""
        ...

    def expire(self, *, served_before_us: int, pool_before_us: int) -> tuple[int, int]:
        """Remove views and pools made before then; return how many of each."""
        ...

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file and empty it; does nothing where there is none."""
        ...

    def drop(self) -> None:
        """Remove the tables themselves."""
        ...

    def close(self) -> None:
        """Close every connection."""
        ...


def open_online(location: Path | str, connect: Callable[[], Any] | None = None) -> OnlineTables:
    """Return the tables at a SQLite path or a `postgresql://` address, created where they are missing.

    `connect` opens a connection to that PostgreSQL database, if it shall be another one than the driver's own.
    """
    if isinstance(location, str) and location.startswith("postgres"):
        from feature_repo.online.postgresql import OnlinePostgres  # noqa: PLC0415 - imported only where it is used

        return OnlinePostgres(location, connect)
    return OnlineFile(Path(location))
