"""Resolves the zones of a calendar file: TZIDs to IANA or the file's own zone, floating times to the person's.

The lines are rewritten before they are parsed, so that nothing in the file decides what a known zone means.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import cache
from hashlib import sha256
from zoneinfo import ZoneInfo, available_timezones

from infra.connectors.calendars.blocks import TIMES, Block, Line

ZONED = TIMES | {"RDATE", "EXDATE", "RECURRENCE-ID"}
UTC_ONLY = frozenset(
    {"COMPLETED", "CREATED", "LAST-MODIFIED", "DTSTAMP"}
)  # in UTC by RFC 5545, whatever a client forgot

MAX_OFFSET_H = 12

_TZID = re.compile(r';TZID=("[^"]*"|[^;:]*)', re.IGNORECASE)
_DAYS = re.compile(r"\d{8}(?:,\d{8})*")
_FLOATING = re.compile(r"\d{8}T\d{4,6}(?:[,/][\dTPWDHMS]+)*", re.IGNORECASE)
_OFFSET = re.compile(r"\(?(?:UTC|GMT)([+-])(\d{1,2})(?::?00)?\)?", re.IGNORECASE)
_UNTIL = re.compile(r"(;|:)UNTIL=(\d{8})(T\d{6})?(?=;|$)", re.IGNORECASE)


class UnknownZone(Exception):
    """A TZID that is neither IANA nor Windows nor defined in the file."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.number)
        self.line = line


def iana_name(text: str, windows: Mapping[str, str]) -> str | None:
    """Return the IANA zone that `text` means, in any case, also of a Windows name, a vendor's prefix or whole hours."""
    name = text.strip().strip('"').strip("/").casefold()
    known = _known_names()
    if name in known:
        return known[name]
    if found := next((zone for label, zone in windows.items() if label.casefold() == name), None):
        return found
    offset = _OFFSET.fullmatch(name)
    if offset and int(offset[2]) <= MAX_OFFSET_H:
        return f"Etc/GMT{'-' if offset[1] == '+' else '+'}{int(offset[2])}"
    parts = name.split("/")
    return next((known[tail] for start in range(1, len(parts)) if (tail := "/".join(parts[start:])) in known), None)


@cache
def _known_names() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones()}


@dataclass(slots=True)
class Zones:
    """The zones of one file; of two calendars in it each has its own definitions."""

    person: ZoneInfo
    windows: Mapping[str, str]
    defined: dict[tuple[int, str], Block] = field(default_factory=dict)
    _names: dict[tuple[int, str], str | None] = field(default_factory=dict)

    def define(self, block: Block) -> None:
        """Remember a VTIMEZONE of the file."""
        self.defined.setdefault((block.calendar, block.value("TZID").strip('"')), block)

    def name(self, tzid: str, calendar: int = 0) -> str | None:
        """Return an IANA name, or the name of a definition of the file (see `definition`), or None."""
        key = calendar, tzid.strip().strip('"')
        if key not in self._names:
            block = self.defined.get(key)
            found = iana_name(key[1], self.windows) or (
                block and iana_name(block.value("X-LIC-LOCATION"), self.windows)
            )
            self._names[key] = found or (own_name(block) if block and _is_plain(block) else None)
        return self._names[key]

    def definitions(self, lines: list[Line]) -> Iterator[str]:
        """Yield the text of each definition of the file that these rewritten lines name."""
        used = {found[1] for line in lines for found in _TZID.finditer(line.text)}
        for block in self.defined.values():
            if own_name(block) in used:
                yield definition(block)

    def rewrite(self, block: Block) -> list[Line]:
        """Return the block's lines with a zone on every local time; raises `UnknownZone`."""
        lines = [self._line(line, block.calendar) if line.name in ZONED else line for line in block.lines]
        start = next((line.text for line in lines if line.name == "DTSTART"), "")
        return [Line(line.number, self._until(line.text, start)) if line.name == "RRULE" else line for line in lines]

    def _line(self, line: Line, calendar: int) -> Line:
        head, colon, value = _split(line.text)
        named = _TZID.search(head)
        if named and not value.upper().endswith("Z") and not _DAYS.fullmatch(value):  # a day has no zone
            name = self.name(named[1], calendar)
            if name is None:
                raise UnknownZone(line)
            return Line(line.number, f"{_TZID.sub('', head)};TZID={name}{colon}{value}")
        head = _TZID.sub("", head)
        if _FLOATING.fullmatch(value.strip()):
            head += ";TZID=" + ("UTC" if line.name in UTC_ONLY else self.person.key)
        return Line(line.number, f"{head}{colon}{value}")

    def _until(self, rule: str, start: str) -> str:
        """Return the rule with UNTIL in UTC, as RFC 5545 wants it when the start is a time."""
        found = _UNTIL.search(rule)
        local = re.search(r"TZID=([^;:]+).*T", start)
        if not found or local is None:
            return rule
        try:
            day = date.fromisoformat(found[2])
            clock = time.fromisoformat(found[3]) if found[3] else time(23, 59, 59)
            until = datetime.combine(day, clock, ZoneInfo(local[1])).astimezone(UTC)
        except (ValueError, KeyError, OverflowError):  # the parser names what is wrong with it
            return rule
        return f"{rule[: found.start()]}{found[1]}UNTIL={until:%Y%m%dT%H%M%SZ}{rule[found.end() :]}"


def own_name(block: Block) -> str:
    """Return a name that no other definition has: parsers keep zones by name for the life of the process."""
    return f"oo-{sha256(block.raw.encode('utf-8', 'replace')).hexdigest()[:16]}"


def definition(block: Block) -> str:
    """Return the VTIMEZONE under its own name."""
    lines = (f"TZID:{own_name(block)}" if line.name == "TZID" else line.text for line in block.lines)
    return "\r\n".join(["BEGIN:VTIMEZONE", *lines, "END:VTIMEZONE"])


def _is_plain(block: Block) -> bool:
    """Return whether the definition's rules are yearly, as every real zone's are: others could compute for ever."""
    rules = [line.text.upper() for line in block.lines if line.name == "RRULE"]
    return block.first("TZOFFSETTO") is not None and all("FREQ=YEARLY" in rule for rule in rules)


def _split(text: str) -> tuple[str, str, str]:
    """Split a content line at the first colon outside of quotation marks."""
    quoted = False
    for index, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif character == ":" and not quoted:
            return text[:index], ":", text[index + 1 :]
    return text, "", ""
