"""A log that keeps its newest entries, independently of the order in which they arrive."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import NamedTuple

Values = tuple[int | str, ...]


class Entry(NamedTuple):
    """One fact of a log; the order of entries is the order of these fields."""

    at_us: int
    rank: int  # orders facts of one instant by their meaning, before their ids
    event_id: str
    key: str  # of two facts under one key the newer one is kept
    values: Values


class CappedLog:
    """The newest `cap` keys within `ttl_us` of the newest fact.

    The content is a function of the *set* of facts: the newest fact of each key, of these the top `cap`, of these the
    ones younger than the horizon. Both cuts keep a suffix of one total order, and a fact below either cut can never
    rise again because a key's newest fact and the newest fact of all only move forward. So order, repetition and
    reloading from rows cannot change a bit.
    """

    __slots__ = ("_by_key", "_cap", "_entries", "_ttl_us")

    def __init__(self, cap: int, ttl_us: int) -> None:
        self._cap = cap
        self._ttl_us = ttl_us
        self._entries: list[Entry] = []
        self._by_key: dict[str, Entry] = {}

    @property
    def entries(self) -> list[Entry]:
        """The kept facts, oldest first; to be read only."""
        return self._entries

    @property
    def newest_us(self) -> int:
        """Event time of the newest fact, 0 when there is none."""
        return self._entries[-1].at_us if self._entries else 0

    def put(self, entry: Entry) -> tuple[str, ...] | None:
        """Keep a fact and return the keys that it pushed out, or return None when it changes nothing."""
        entries, by_key = self._entries, self._by_key
        old = by_key.get(entry.key)
        if old is not None and old >= entry:
            return None
        if entries:
            if entry.at_us <= entries[-1].at_us - self._ttl_us:
                return None
            if old is None and len(entries) >= self._cap and entry < entries[0]:
                return None
        if old is not None:
            del entries[bisect_left(entries, old)]
        by_key[entry.key] = entry
        if not entries or entry > entries[-1]:
            entries.append(entry)
        else:
            insort(entries, entry)
        return self._trim()

    def extend(self, facts: Iterable[Entry]) -> None:
        """Keep what putting each of the facts would keep, by one sort."""
        kept: dict[str, Entry] = {}
        horizon_us: int | None = None
        for entry in sorted([*self._entries, *facts], reverse=True):
            if horizon_us is None:
                horizon_us = entry.at_us - self._ttl_us
            if len(kept) == self._cap or entry.at_us <= horizon_us:
                break
            kept.setdefault(entry.key, entry)
        self._by_key = kept
        self._entries = list(kept.values())[::-1]

    def _trim(self) -> tuple[str, ...]:
        entries = self._entries
        horizon_us = entries[-1].at_us - self._ttl_us
        if len(entries) <= self._cap and entries[0].at_us > horizon_us:
            return ()
        first = max(len(entries) - self._cap, 0)
        while entries[first].at_us <= horizon_us:
            first += 1
        dropped = tuple(entry.key for entry in entries[:first])
        del entries[:first]
        for key in dropped:
            del self._by_key[key]
        return dropped
