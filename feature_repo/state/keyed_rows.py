"""Tasks and calendar events: one row per key, the newest fact wins, with sorted indices for fast reads.

Indices are built at the first read and kept by bisection from then on, so a bulk load pays one sort, and an update
of one among thousands of rows pays a search and a memmove.
"""

from bisect import bisect_left, bisect_right, insort
from typing import NamedTuple, TypeVar

OPEN, DONE = 1, 2  # TaskState of the event schema
HIGH_PRIORITY = 1
UNKNOWN_LAST = 1 << 62  # unknown creation times sort behind all known ones

Numbers = tuple[int, ...]
Item = TypeVar("Item", int, tuple[int, str], tuple[int, int, str])


class TaskRow(NamedTuple):
    """The newest fact of one task; 0 stands for an unknown time or effort."""

    at_us: int
    event_id: str
    state: int
    priority: int
    due_us: int
    created_us: int
    done_us: int
    effort_min: int
    known_us: int


class CalendarRow(NamedTuple):
    """The newest fact of one calendar instance; `busy` is 0 when it takes no time of the person."""

    at_us: int
    event_id: str
    start_us: int
    end_us: int
    busy: int
    known_us: int


def _remove(index: list[Item], value: Item) -> None:
    del index[bisect_left(index, value)]


class TaskIndex:
    """Sorted views over the newest rows of all tasks."""

    __slots__ = ("created", "done", "due", "high_priority", "known", "open", "undated")

    def __init__(self, rows: dict[str, TaskRow]) -> None:
        self.open = 0
        self.high_priority = 0
        self.known: list[int] = []
        self.created: list[int] = []
        self.due: list[tuple[int, str]] = []
        self.undated: list[tuple[int, int, str]] = []
        self.done: list[tuple[int, str]] = []
        for key, row in rows.items():
            self.known.append(row.known_us)
            if row.state == OPEN:
                self.open += 1
                self.high_priority += row.priority == HIGH_PRIORITY
                if row.created_us:
                    self.created.append(row.created_us)
                if row.due_us:
                    self.due.append((row.due_us, key))
                else:
                    self.undated.append((row.priority, row.created_us or UNKNOWN_LAST, key))
            elif row.state == DONE:
                self.done.append((row.done_us, key))
        for index in (self.known, self.created, self.due, self.undated, self.done):
            index.sort()

    def add(self, key: str, row: TaskRow) -> None:
        """Take a row in."""
        insort(self.known, row.known_us)
        if row.state == OPEN:
            self.open += 1
            self.high_priority += row.priority == HIGH_PRIORITY
            if row.created_us:
                insort(self.created, row.created_us)
            if row.due_us:
                insort(self.due, (row.due_us, key))
            else:
                insort(self.undated, (row.priority, row.created_us or UNKNOWN_LAST, key))
        elif row.state == DONE:
            insort(self.done, (row.done_us, key))

    def discard(self, key: str, row: TaskRow) -> None:
        """Take a row out again."""
        _remove(self.known, row.known_us)
        if row.state == OPEN:
            self.open -= 1
            self.high_priority -= row.priority == HIGH_PRIORITY
            if row.created_us:
                _remove(self.created, row.created_us)
            if row.due_us:
                _remove(self.due, (row.due_us, key))
            else:
                _remove(self.undated, (row.priority, row.created_us or UNKNOWN_LAST, key))
        elif row.state == DONE:
            _remove(self.done, (row.done_us, key))


class Tasks:
    """All tasks of a person. Rows never expire: forgetting that a task was done would let an old fact reopen it."""

    __slots__ = ("_index", "rows")

    def __init__(self) -> None:
        self.rows: dict[str, TaskRow] = {}
        self._index: TaskIndex | None = None

    def put(self, key: str, row: TaskRow) -> bool:
        """Keep a row unless the key already has a newer one, and say whether it was kept."""
        old = self.rows.get(key)
        if old is not None and old >= row:
            return False
        self.rows[key] = row
        if self._index is not None:
            if old is not None:
                self._index.discard(key, old)
            self._index.add(key, row)
        return True

    @property
    def last_us(self) -> int:
        """When the newest fact became known, 0 when there is none."""
        return self.index.known[-1] if self.index.known else 0

    @property
    def index(self) -> TaskIndex:
        """The sorted views, built when first asked for."""
        if self._index is None:
            self._index = TaskIndex(self.rows)
        return self._index


class Calendar:
    """All calendar instances of a person, busy ones indexed by start."""

    __slots__ = ("_busy", "_known", "_longest_us", "rows")

    def __init__(self) -> None:
        self.rows: dict[str, CalendarRow] = {}
        self._busy: list[tuple[int, int, str]] | None = None
        self._known: list[int] = []
        self._longest_us = 0  # an upper bound on durations; it only narrows the search

    def put(self, key: str, row: CalendarRow) -> bool:
        """Keep a row unless the key already has a newer one, and say whether it was kept."""
        old = self.rows.get(key)
        if old is not None and old >= row:
            return False
        self.rows[key] = row
        if self._busy is not None:
            if old is not None:
                _remove(self._known, old.known_us)
                if old.busy:
                    _remove(self._busy, (old.start_us, old.end_us, key))
            insort(self._known, row.known_us)
            if row.busy:
                insort(self._busy, (row.start_us, row.end_us, key))
                self._longest_us = max(self._longest_us, row.end_us - row.start_us)
        return True

    def _index(self) -> list[tuple[int, int, str]]:
        if self._busy is None:
            self._busy = sorted((row.start_us, row.end_us, key) for key, row in self.rows.items() if row.busy)
            self._known = sorted(row.known_us for row in self.rows.values())
            self._longest_us = max((end - start for start, end, _ in self._busy), default=0)
        return self._busy

    @property
    def last_us(self) -> int:
        """When the newest fact became known, 0 when there is none."""
        self._index()
        return self._known[-1] if self._known else 0

    def merged(self, from_us: int, until_us: int, cap: int) -> tuple[Numbers, Numbers]:
        """Return starts and ends of the first `cap` merged busy intervals that touch [from_us, until_us]."""
        busy = self._index()
        starts: list[int] = []
        ends: list[int] = []
        first = bisect_left(busy, (from_us - self._longest_us, 0, ""))
        for start, end, _ in busy[first : bisect_right(busy, until_us, key=lambda item: item[0])]:
            if end < from_us:
                continue
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            elif len(starts) == cap:
                break
            else:
                starts.append(start)
                ends.append(end)
        return tuple(starts), tuple(ends)
