"""CSV tables of habits, mood and context: one row, one signal.

A time needs an offset, or a zone in a column of its own. A habit may also name a day alone: it was done that day, at
noon of the person's zone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from data_contracts.identifiers import SubjectKey
from data_contracts.signals.kinds import SIGNALS, canonical_label
from infra.connectors.connector import Parsed, ReadContext, Reading, Refused
from infra.connectors.tables.csv_records import Record, columns, header, records

TIME = ("at", "timestamp", "time", "datetime", "date_time", "logged_at", "recorded_at", "date", "day", "when")
ZONE = ("zone", "timezone", "time_zone", "tz")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "habit": ("habit", "habit_name", "name", "title", "activity"),
    "mood": ("mood", "mood_score", "feeling"),
    "energy": ("energy", "energy_level"),
    "device": ("device",),
    "place": ("place", "location"),
    "focus": ("focus", "focus_mode", "do_not_disturb", "dnd"),
}
FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class SignalTable:
    """The connector of one kind of table; its fields are those of the signal's contract."""

    name: str
    kind: str
    marks: tuple[str, ...]  # any of these columns makes it this table

    @property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """The columns that it reads."""
        fields = {field.name: COLUMNS[field.name] for field in SIGNALS[self.kind].fields}
        return {"at": TIME, "zone": ZONE, **fields}

    def matches(self, path: Path, head: str) -> bool:
        """Return whether the header has a time and one of the marks."""
        found = columns(header(head)[1], self.aliases)
        return (
            path.suffix.lower() in {".csv", ".tsv", ".txt"} and "at" in found and bool(found.keys() & set(self.marks))
        )

    def read(self, path: Path, context: ReadContext) -> Iterator[Parsed | Refused]:
        """Yield a signal a row."""
        reading = Reading(path, self.name, context)
        required = tuple(field.name for field in SIGNALS[self.kind].fields if field.required)
        for row in records(reading, self.aliases, ("at", *required)):
            yield row if isinstance(row, Refused) else self._signal(reading, row)

    def titles(self, path: Path, context: ReadContext) -> Iterator[tuple[SubjectKey, str]]:
        """Yield the label of each habit."""
        subject = SIGNALS[self.kind].subject
        if subject is None:
            return
        seen = set()
        for row in records(Reading(path, self.name, context), self.aliases, (subject.name,)):
            label = "" if isinstance(row, Refused) else row.cells.get(subject.name, "")
            if label and label not in seen:
                seen.add(label)
                yield context.subject_key(subject.name, canonical_label(label)), label

    def _signal(self, reading: Reading, row: Record) -> Parsed | Refused:
        data = {
            field.name: _value(field.type, row.cells[field.name])
            for field in SIGNALS[self.kind].fields
            if row.cells.get(field.name)
        }
        written = row.cells.get("at", "")
        zone = row.cells.get("zone", "")
        at = _day_alone(written, zone, reading) if self.kind == "habit_logged" and _DAY.fullmatch(written) else written
        if zone and at == written:
            at = f"{written}[{zone}]"
        return reading.signal(self.kind, data, native=f"{written}[{zone}]", at=at, line=row.line, raw=row.raw)


def _day_alone(written: str, zone: str, reading: Reading) -> str:
    """Return noon of that day, or the import when that is still to come today."""
    context = reading.context
    if zone and zone != context.zone.key:
        return f"{written}T12:00:00[{zone}]"
    try:
        noon = datetime.combine(date.fromisoformat(written), time(12), context.zone)
    except ValueError:
        return written  # refused as no time
    here = context.now.astimezone(context.zone)
    return min(noon, here).isoformat() if noon.date() == here.date() else noon.isoformat()


def _value(kind: str, text: str) -> Any:
    """Return the JSON value that the cell means; a text that means none stays one and is refused by the contract."""
    if kind == "flag":
        return FLAGS.get(text.lower(), text)
    if kind == "choice":
        return text.lower()
    return number(text) if kind == "whole" else text


def number(text: str) -> int | float | str:
    """Return the number that a cell holds, as an integer when it is one, or the text itself."""
    try:
        value = float(text)
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


HABITS = SignalTable("habits_csv", "habit_logged", ("habit",))
MOOD = SignalTable("mood_csv", "mood_reported", ("mood",))
CONTEXT = SignalTable("context_csv", "context_observed", ("device", "place", "focus"))
