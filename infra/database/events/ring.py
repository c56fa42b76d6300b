"""A bounded ring of the newest events in order of arrival; each reader keeps its own position."""

from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

from data_contracts.identifiers import PersonId
from infra.database.events.newest import NewestEvent

__all__ = ["EventRing", "Resumed"]


class Resumed(NamedTuple):
    """Where to go on reading; `complete` is false when something in between may have left the ring."""

    place: int
    complete: bool


class EventRing:
    """Holds at most `capacity` events. A slow reader costs nothing: what it did not read in time is gone for it."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._rows: list[NewestEvent | None] = []  # None where somebody was erased
        self._start = 0  # place of the first row; places only count up
        self._place_of: dict[int, int] = {}
        self._lock = Lock()

    def add(self, rows: Sequence[NewestEvent], *, complete: bool = True) -> int:
        """Add what is not there yet, in the order given, and return how many that were.

        Not `complete` says that events before `rows` were left out: every reader is behind then, and hears so.
        """
        with self._lock:
            if not complete:
                self._start += len(self._rows) + 1
                self._rows.clear()
                self._place_of.clear()
            fresh = [row for row in rows if row.sequence not in self._place_of]
            for place, row in enumerate(fresh, self._start + len(self._rows)):
                self._place_of[row.sequence] = place
            self._rows += fresh
            surplus = max(len(self._rows) - self._capacity, 0)
            for old in self._rows[:surplus]:
                if old is not None:
                    del self._place_of[old.sequence]
            del self._rows[:surplus]
            self._start += surplus
        return len(fresh)

    def read(self, place: int, limit: int) -> tuple[list[NewestEvent], int] | None:
        """Return at most `limit` places from there on and where to go on; None when the ring has moved past it."""
        with self._lock:
            if place < self._start:
                return None
            taken = self._rows[place - self._start : place - self._start + limit]
        return [row for row in taken if row is not None], place + len(taken)

    def last(self, count: int) -> int:
        """Return the place from which the newest `count` events follow."""
        with self._lock:
            return self._start + max(len(self._rows) - count, 0)

    def after(self, sequence: int) -> Resumed:
        """Return where a reader goes on whose last event had this sequence."""
        with self._lock:
            known = self._place_of.get(sequence)
            if known is not None:
                return Resumed(known + 1, complete=True)
            behind = (place for number, place in self._place_of.items() if number > sequence)
            place = min(behind, default=self._start + len(self._rows))
            return Resumed(place, complete=any(number < sequence for number in self._place_of))

    def floor(self, overlap: int) -> int:
        """Return the sequence of the event `overlap` before the newest; 0 when there are not so many."""
        with self._lock:
            numbers = sorted(self._place_of)
        return numbers[-overlap - 1] if len(numbers) > overlap else 0

    def people(self) -> set[PersonId]:
        """Return whose events there are."""
        with self._lock:
            return {PersonId(row.person) for row in self._rows if row is not None}

    def forget(self, person: PersonId) -> None:
        """Drop the events of a person; the places of the others stay."""
        with self._lock:
            for index, row in enumerate(self._rows):
                if row is not None and row.person == person:
                    del self._place_of[row.sequence]
                    self._rows[index] = None

    def clear(self) -> None:
        """Hold nothing any more; places go on counting."""
        with self._lock:
            self._start += len(self._rows)
            self._rows.clear()
            self._place_of.clear()
