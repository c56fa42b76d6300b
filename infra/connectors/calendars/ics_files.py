"""iCalendar files: events with recurrences, exceptions, moved and cancelled instances, and tasks (VTODO).

An all-day event without TRANSP is not busy: clients write birthdays and holidays so, and a day is not spoken for by
them. *Limits:* instances from 35 days before to 60 days after the import are taken, at most 20,000 of them.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from data_contracts.identifiers import SubjectKey
from infra.connectors.calendars.blocks import Block, Fault, Line, duration, may_touch, read_blocks
from infra.connectors.calendars.zones import Zones
from infra.connectors.connector import FileRefused, Parsed, ReadContext, Reading, Refused
from infra.connectors.text_files import head, is_clean, open_text

if TYPE_CHECKING:
    from infra.connectors.calendars.instances import Instance, Member

BEFORE = timedelta(days=35)
AFTER = timedelta(days=60)
MAX_INSTANCES = 20_000
PRECISE = 200  # broken components whose very line is searched
BEGINNING = re.compile(r"^\s*BEGIN:VCALENDAR", re.IGNORECASE | re.MULTILINE)
CHANGED = (
    "LAST-MODIFIED",
    "CREATED",
    "COMPLETED",
)  # set by a source that changes something; DTSTAMP is set by each export
TODO_STATES = {"COMPLETED": "done", "CANCELLED": "deleted"}


class CalendarFiles:
    """The connector of `.ics` files."""

    name = "icalendar"

    def matches(self, path: Path, head: str) -> bool:
        """Return whether it is a calendar by its first words, or calls itself one."""
        return bool(BEGINNING.search(head)) or path.suffix.lower() in {".ics", ".ical", ".ifb", ".icalendar"}

    def read(self, path: Path, context: ReadContext) -> Iterator[Parsed | Refused]:
        """Yield the instances of the window and the open and done tasks."""
        reading = Reading(path, self.name, context)
        for found in _found(reading):
            yield found if isinstance(found, Refused) else _signal(reading, found)

    def titles(self, path: Path, context: ReadContext) -> Iterator[tuple[SubjectKey, str]]:
        """Yield the summaries."""
        for found in _found(Reading(path, self.name, context)):
            if isinstance(found, Refused):
                continue
            kind, native = ("task", _uid(found)) if _is_todo(found) else ("event", cast("Instance", found).native)
            yield context.subject_key(kind, native), str(found.component.get("SUMMARY", ""))


def _found(reading: Reading) -> Iterator["Instance | Member | Refused"]:
    """Yield instances, tasks (as members) and refusals; at most `MAX_INSTANCES` of the first two."""
    groups, zones, faults = _collect(reading)
    yield from faults
    produced = _produced(groups, zones, reading)
    count = 0
    for found in produced:
        count += not isinstance(found, Refused)
        if count > MAX_INSTANCES:
            yield reading.refuse(0, "too_many_events")
            return
        yield found


def _collect(reading: Reading) -> tuple[dict[str, list[Block]], Zones, list[Refused]]:
    """Read the file once; keep the blocks that may touch the window, by UID."""
    from infra.connectors.calendars.instances import WINDOWS_TO_OLSON  # noqa: PLC0415 - only an import of a calendar pays

    context = reading.context
    start, end = (context.now - BEFORE).date(), (context.now + AFTER).date()
    zones = Zones(context.zone, WINDOWS_TO_OLSON)
    groups: dict[str, list[Block]] = {}
    faults: list[Refused] = []
    with open_text(reading.path) as stream:
        if not BEGINNING.search(head(reading.path)):
            raise FileRefused(reading.path, "not_icalendar")
        for block in read_blocks(stream):
            if isinstance(block, Fault):
                faults.append(reading.refuse(block.number, block.rule, block.raw))
            elif block.name == "VTIMEZONE":
                zones.define(block)
            elif not may_touch(block, start, end):
                context.skipped["outside_window"] += 1
            elif not is_clean(block.raw):
                broken = next((line for line in block.lines if not is_clean(line.text)), Line(block.number, ""))
                faults.append(reading.refuse(broken.number, "invalid_utf8", block.raw))
            else:
                uid = block.value("UID") or f"{block.number}"
                groups.setdefault(f"{block.name}:{uid}", []).append(block)
    return groups, zones, faults


def _produced(
    groups: dict[str, list[Block]], zones: Zones, reading: Reading
) -> Iterator["Instance | Member | Refused"]:
    from infra.connectors.calendars import instances  # noqa: PLC0415 - as above

    context = reading.context
    start, end = context.now - BEFORE, context.now + AFTER
    broken_blocks = 0
    for key, blocks in groups.items():
        members = []
        for block in blocks:
            try:
                members.append(instances.parse(block, zones, precise=broken_blocks < PRECISE))
            except instances.Broken as broken:
                broken_blocks += 1
                yield reading.refuse(broken.line, broken.rule, block.raw, broken.where)
        if not members:
            continue
        if key.startswith("VTODO"):
            yield max(reversed(members), key=lambda member: member.slot is None)  # the task, not one of its days
            continue
        try:
            yield from islice(instances.expand(members, start, end), MAX_INSTANCES + 1)
        except instances.Broken as broken:
            yield reading.refuse(broken.line, broken.rule, blocks[0].raw, broken.where)
        except instances.PARSER_FAULTS:
            rule = "bad_recurrence" if any(block.first("RRULE") for block in blocks) else "bad_property"
            yield reading.refuse(blocks[0].number, rule, blocks[0].raw)


def _signal(reading: Reading, found: "Instance | Member") -> Parsed | Refused:
    block = found.block
    try:
        changed = [moment for name in CHANGED if (moment := _time(found, name))]
        known = reading.known_at(*changed) if changed else reading.known_at(_time(found, "DTSTAMP"))
        kind, native, data = _task(reading, found) if _is_todo(found) else _event(reading, found)
    except (ValueError, AttributeError, TypeError, OverflowError):
        return reading.refuse(block.number, "bad_property", block.raw)
    revision = "|".join(moment.isoformat() for moment in changed)
    return reading.signal(kind, data, native=native, at=known, line=block.number, raw=block.raw, revision=revision)


def _event(reading: Reading, found: Any) -> tuple[str, str, dict[str, Any]]:
    zone = reading.context.zone
    all_day = not isinstance(found.start, datetime)
    component, end = found.component, _end(found)
    transparent = str(component.get("TRANSP", "TRANSPARENT" if all_day else "OPAQUE")).strip().upper() == "TRANSPARENT"
    free = str(component.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).strip().upper() == "FREE"
    data = {
        "event": found.native,
        "start": _instant(found.start, zone).isoformat(),
        "end": _instant(end, zone).isoformat(),
        "busy": not transparent and not free and not found.cancelled and found.start != end,
        "all_day": all_day,
        "cancelled": found.cancelled,
    }
    return "event_scheduled", found.native, data


def _end(found: "Instance") -> date:
    """Return the end: of a whole day the next one at the earliest, and a DURATION's hours even in a night of 25."""
    if not isinstance(found.start, datetime):
        return found.end if found.end != found.start else found.start + timedelta(days=1)
    line = found.block.first("DURATION")
    days, exact = (line and duration(line.text)) or (timedelta(), timedelta())
    if not exact or found.end != found.start + days + exact:  # DTEND, or a period of RDATE
        return found.end
    return (found.start + days).astimezone(UTC) + exact


def _task(reading: Reading, found: Any) -> tuple[str, str, dict[str, Any]]:
    zone, component = reading.context.zone, found.component
    native = _uid(found)
    state = TODO_STATES.get(str(component.get("STATUS", "")).strip().upper(), "open")
    completed = _time(found, "COMPLETED")
    data: dict[str, Any] = {
        "task": native,
        "state": "done" if completed and state == "open" else state,
        "priority": _priority(int(component.get("PRIORITY", 0))),
    }
    due = component.get("DUE")
    if due is not None:
        is_date = not isinstance(due.dt, datetime)
        end = due.dt + timedelta(days=1) if is_date else due.dt
        data["due"] = (_instant(end, zone) - timedelta(microseconds=int(is_date))).isoformat()
        data["due_is_date"] = is_date
    for name, moment in (("created", _time(found, "CREATED")), ("completed", completed)):
        if moment is not None:
            data[name] = moment.isoformat()
    return "task_changed", native, data


def _priority(value: int) -> int:
    """Return 1 to 4 from RFC 5545's 1 to 9, where 1 to 4 is high, 5 is medium, 6 to 9 is low and 0 is none."""
    if value == 0:
        return 4
    return 1 if value < 5 else 2 if value == 5 else 3  # noqa: PLR2004 - the numbers of the sentence above


def _instant(moment: date, zone: Any) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    return datetime.combine(moment, time.min, zone).astimezone(UTC)


def _time(found: Any, name: str) -> datetime | None:
    value = found.component.get(name)
    moment = getattr(value, "dt", None)
    return moment.astimezone(UTC) if isinstance(moment, datetime) else None


def _is_todo(found: Any) -> bool:
    return str(found.component.name) == "VTODO"


def _uid(found: Any) -> str:
    return str(found.component.get("UID", "")).strip() or str(found.component.get("SUMMARY", ""))
