"""Todoist's CSV export of a project: tasks among sections and notes, priority from 1 (highest) to 4.

The export has no ids and no times of change, so a task is known by its words (and which of the same words it is), and
every state counts as known at the import. *Limits:* a date that is relative ("every day") is no due date, nor
is one in words that are not English ("Oct 5 2026" is).
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from data_contracts.identifiers import SubjectKey
from infra.connectors.connector import Parsed, ReadContext, Reading, Refused
from infra.connectors.tables.csv_records import Record, header, records
from infra.connectors.tables.signal_tables import number
from infra.connectors.tasks.todoist_json import UnknownZone, due_fields, effort_fields, plain

ALIASES = {
    name: (name,)
    for name in ("type", "content", "priority", "date", "timezone", "duration", "duration_unit", "deadline")
} | {"date": ("date", "due_date")}
ABSOLUTE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?")
IN_WORDS = ("%b %d %Y", "%d %b %Y", "%b %d %Y %H:%M", "%d %b %Y %H:%M")
MAX_NATIVE = 500


class TodoistCsv:
    """The connector of Todoist's `.csv` exports."""

    name = "todoist_csv"

    def matches(self, path: Path, head: str) -> bool:
        """Return whether the header begins as the export's does."""
        names = header(head)[1]
        return path.suffix.lower() in {".csv", ".txt"} and {"type", "content", "priority"} <= set(names)

    def read(self, path: Path, context: ReadContext) -> Iterator[Parsed | Refused]:
        """Yield the open tasks; sections, notes and other rows are counted as skipped."""
        reading = Reading(path, self.name, context)
        for found in _tasks(reading):
            yield found if isinstance(found, Refused) else _signal(reading, *found)

    def titles(self, path: Path, context: ReadContext) -> Iterator[tuple[SubjectKey, str]]:
        """Yield the contents, without labels and links."""
        for found in _tasks(Reading(path, self.name, context)):
            if not isinstance(found, Refused):
                yield context.subject_key("task", found[1]), plain(found[0].cells.get("content", ""))


def _tasks(reading: Reading) -> Iterator[tuple[Record, str] | Refused]:
    seen: Counter[str] = Counter()
    for row in records(reading, ALIASES, ("type", "content", "priority"), ragged=True):
        if isinstance(row, Refused):
            yield row
        elif row.cells.get("type", "").lower() != "task":
            reading.context.skipped[f"todoist_{_word(row)}"] += 1
        else:
            content = row.cells.get("content", "")[:MAX_NATIVE]
            seen[content] += 1
            yield row, f"{content}#{seen[content]}" if content else ""


def _word(row: Record) -> str:
    word = row.cells.get("type", "").lower()
    return word if word in {"section", "note", "meta"} else "other"


def _signal(reading: Reading, row: Record, native: str) -> Parsed | Refused:
    cells = row.cells
    data: dict[str, Any] = {"task": native, "state": "open", "priority": number(cells.get("priority") or "4")}
    written = cells.get("date") or cells.get("deadline") or ""
    if text := _absolute(written):
        try:
            data |= due_fields(text, cells.get("timezone"), reading.context.zone)
        except UnknownZone:
            return reading.refuse(row.line, "unknown_zone", row.raw, "TIMEZONE: ")
    elif written:
        reading.context.skipped["todoist_relative_date"] += 1
    if cells.get("duration", "").lower() not in {"", "none"}:
        data |= effort_fields(number(cells["duration"]), cells.get("duration_unit", "").lower())
    at: datetime = reading.context.now
    return reading.signal("task_changed", data, native=native, at=at, line=row.line, raw=row.raw)


def _absolute(written: str) -> str:
    """Return a date or a time in ISO 8601, or an empty text when it is relative to something."""
    if ABSOLUTE.fullmatch(written):
        return written
    for form in IN_WORDS:
        try:
            moment = datetime.strptime(written, form)  # noqa: DTZ007 - `due_fields` gives it the row's zone
        except ValueError:
            continue
        return moment.isoformat() if "%H" in form else moment.date().isoformat()
    return ""
