"""Splits an iCalendar file into components, each a short list of the needed lines with their line numbers.

A calendar of 50 MB is never parsed as a tree: what cannot touch the window of interest is dropped here by a look at
its dates, and so are descriptions, attendees, attachments and alarms. *Limits:* what is dropped is not checked.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

TIMES = frozenset({"DTSTART", "DTEND", "DUE", "COMPLETED", "CREATED", "LAST-MODIFIED", "DTSTAMP"})
RECURRENCE = frozenset({"RRULE", "RDATE", "EXDATE", "RECURRENCE-ID", "SEQUENCE", "DURATION"})
WORDS = frozenset({"UID", "SUMMARY", "STATUS", "TRANSP", "PRIORITY", "X-MICROSOFT-CDO-BUSYSTATUS"})
KEPT = TIMES | RECURRENCE | WORDS | {"TZID", "X-LIC-LOCATION", "TZOFFSETFROM", "TZOFFSETTO"}
COMPONENTS = frozenset({"VEVENT", "VTODO", "VTIMEZONE"})
INNER = frozenset({"STANDARD", "DAYLIGHT"})  # belong to a zone and are kept with it
MAX_LINE = 65_536

_NAME = re.compile(r"[A-Za-z0-9-]+")
_DATE = re.compile(r":(\d{4})(\d{2})(\d{2})")
# RFC 5545, 3.3.6
_DURATION = re.compile(
    r":\+?P(?=[\dT])(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?\s*$", re.IGNORECASE
)


class Line(NamedTuple):
    """One unfolded content line."""

    number: int
    text: str

    @property
    def name(self) -> str:
        """The property's name in capitals."""
        found = _NAME.match(self.text)
        return found[0].upper() if found else ""


@dataclass(slots=True)
class Block:
    """One component: its name, the number of its first line, which calendar of the file it is in, its kept lines."""

    name: str
    number: int
    calendar: int = 0
    lines: list[Line] = field(default_factory=list)

    def first(self, name: str) -> Line | None:
        """Return the first line of that property."""
        return next((line for line in self.lines if line.name == name), None)

    def value(self, name: str) -> str:
        """Return the text after the colon of the first line of that property, or an empty text."""
        line = self.first(name)
        return line.text.partition(":")[2].strip() if line else ""

    @property
    def raw(self) -> str:
        """What quarantine keeps of it."""
        return "\n".join(line.text for line in self.lines)


class Fault(NamedTuple):
    """A broken rule of the file's structure."""

    number: int
    rule: str
    raw: str


def read_blocks(stream: Iterable[str]) -> Iterator[Block | Fault]:
    """Yield events, tasks and zones in the order of the file, and a fault for each component without a partner."""
    nesting = _Nesting()
    for number, text, kept in _content_lines(stream):
        if kept:
            nesting.keep(Line(number, text))
            continue
        verb, _, word = text.partition(":")
        name = word.strip().upper()
        found = nesting.begin(name, number) if verb.upper() == "BEGIN" else nesting.end(name, number)
        if found is not None:
            yield found
    unclosed = nesting.drop()
    if unclosed is not None:
        yield unclosed


@dataclass(slots=True)
class _Nesting:
    """The component that is open, and the components inside of it that are not read."""

    opened: Block | None = None
    ignored: list[str] = field(default_factory=list)
    calendar: int = 0

    def keep(self, line: Line) -> None:
        if self.opened is not None and not self.ignored:
            self.opened.lines.append(line)

    def begin(self, name: str, number: int) -> Fault | None:
        if name in COMPONENTS:
            fault = self.drop()
            self.opened = Block(name, number, self.calendar)
            return fault
        if self._in_zone(name):
            self.keep(Line(number, f"BEGIN:{name}"))
        elif name == "VCALENDAR":
            self.calendar += 1
        else:
            self.ignored.append(name)
        return None

    def end(self, name: str, number: int) -> Block | Fault | None:
        if self.ignored and name == self.ignored[-1]:
            self.ignored.pop()
            return None
        if self.opened is not None and name == self.opened.name:
            found, self.opened, self.ignored = self.opened, None, []
            return found
        if self._in_zone(name):
            self.keep(Line(number, f"END:{name}"))
            return None
        return self.drop() if name == "VCALENDAR" else Fault(number, "unexpected_end", f"END:{name}")

    def drop(self) -> Fault | None:
        """Forget what is open; it is a fault that it was."""
        lost, self.opened, self.ignored = self.opened, None, []
        return Fault(lost.number, "unclosed_component", lost.raw) if lost else None

    def _in_zone(self, name: str) -> bool:
        return name in INNER and self.opened is not None and self.opened.name == "VTIMEZONE"


def _content_lines(stream: Iterable[str]) -> Iterator[tuple[int, str, bool]]:
    """Yield (number, unfolded text, True) of kept properties and (number, text, False) of BEGIN and END."""
    parts: list[str] = []
    begun = 0
    for number, physical in enumerate(stream, start=1):
        if physical[0] in " \t":
            if parts:
                parts.append(physical[1:].rstrip("\n"))
            continue
        if parts:
            yield begun, _joined(parts), True
            parts = []
        found = _NAME.match(physical)
        name = found[0].upper() if found else ""
        if name in KEPT:
            parts, begun = [physical.rstrip("\n")], number
        elif name in {"BEGIN", "END"}:
            yield number, physical.strip(), False
    if parts:
        yield begun, _joined(parts), True


def _joined(parts: list[str]) -> str:
    """Unfold; a client that folded inside of a character left two halves that are whole again now."""
    text = "".join(parts)[:MAX_LINE]
    if text.isascii():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def may_touch(block: Block, start: date, end: date) -> bool:
    """Return False only when the block surely has no instance in [start, end]; a doubt keeps it."""
    names = {line.name for line in block.lines}
    if block.name != "VEVENT" or names & {"RRULE", "RDATE", "RECURRENCE-ID"}:
        return not _ended(block, start)
    first = _day(block.first("DTSTART"))
    if first is None:
        return True
    last = _last(block, first)
    return first <= end + timedelta(days=1) and (last is None or last >= start - timedelta(days=1))


def _ended(block: Block, start: date) -> bool:
    """Return whether a recurring series without extra dates surely ended before `start`."""
    if block.name != "VEVENT" or block.first("RDATE") or block.first("RECURRENCE-ID"):
        return False
    rules = [line.text for line in block.lines if line.name == "RRULE"]
    found = [re.search(r"UNTIL=(\d{4})(\d{2})(\d{2})", text) for text in rules]
    untils = [_to_date(match.groups()) for match in found if match]
    first = _day(block.first("DTSTART"))
    last = _last(block, first) if first else None
    if len(untils) != len(rules) or first is None or last is None or None in untils:
        return False
    begun = max([first, *(until for until in untils if until)])
    return last - first + timedelta(days=2) < start - begun


def _last(block: Block, first: date) -> date | None:
    """Return the last day that an event starting on `first` can touch; None when its DURATION cannot be read."""
    last = max(_day(block.first("DTEND")) or first, first)
    line = block.first("DURATION")
    if line is None:
        return last
    try:
        days, exact = duration(line.text) or (timedelta.max, timedelta())
        return max(last, first + days + exact + timedelta(days=1))
    except OverflowError:
        return None


def duration(text: str) -> tuple[timedelta, timedelta] | None:
    """Return the days and the exact time of a DURATION that is not negative; None when it cannot be read so.

    Days keep the time on the clock where the clock changes, hours do not (RFC 5545, 3.3.6).
    """
    found = _DURATION.search(text)
    if found is None:
        return None
    weeks, days, hours, minutes, seconds = (int(number or 0) for number in found.groups())
    return timedelta(weeks=weeks, days=days), timedelta(hours=hours, minutes=minutes, seconds=seconds)


def _day(line: Line | None) -> date | None:
    found = _DATE.search(line.text) if line else None
    return _to_date(found.groups()) if found else None


def _to_date(groups: tuple[str | None, ...]) -> date | None:
    try:
        year, month, day = (int(group or 0) for group in groups)
        return date(year, month, day)
    except ValueError:
        return None
