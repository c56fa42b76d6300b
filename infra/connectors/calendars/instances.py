"""Expands the components of one UID into the instances within a window, with the iCalendar parsers.

*Limits:* a rule finer than hourly, or with more than 100,000 steps since its start, is refused, because following it
would take for ever; a recurring task (VTODO) is taken as its one entry.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple, cast

import recurring_ical_events
from icalendar import Calendar
from icalendar.cal import Component
from icalendar.prop import vRecur
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from infra.connectors.calendars.blocks import Block, Line
from infra.connectors.calendars.zones import UnknownZone, Zones

__all__ = ["PARSER_FAULTS", "WINDOWS_TO_OLSON", "Broken", "Instance", "Member", "expand", "parse"]

STEP_DAYS = {"HOURLY": 1 / 24, "DAILY": 1.0, "WEEKLY": 7.0, "MONTHLY": 28.0, "YEARLY": 365.0}
MAX_STEPS = 100_000
MAX_PER_DAY = 96
MAX_NATIVE = 400
LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# What icalendar, dateutil and recurring_ical_events raise at text that is no calendar; found by fuzzing.
PARSER_FAULTS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, AssertionError)


class Broken(Exception):
    """A component that cannot be taken, by the line and the rule that it breaks."""

    def __init__(self, line: int, rule: str, where: str = "") -> None:
        super().__init__(rule)
        self.line, self.rule, self.where = line, rule, where


class Member(NamedTuple):
    """A parsed component and the block that it came from."""

    block: Block
    component: Component

    @property
    def slot(self) -> date | None:
        """The original start of the instance that this component replaces, if it replaces one."""
        return _moment(self.component.get("RECURRENCE-ID"))

    @property
    def start(self) -> date:
        """The start."""
        start = _moment(self.component.get("DTSTART"))
        if start is None:
            raise Broken(self.block.number, "missing_property", "DTSTART: ")
        return start


class Instance(NamedTuple):
    """One instance: its own id, when it is, and the component that says all else."""

    native: str
    start: date
    end: date
    cancelled: bool
    component: Component
    block: Block


def parse(block: Block, zones: Zones, *, precise: bool = True) -> Member:
    """Return the component of a block; raises `Broken` with the line of the property that cannot be read.

    Where it is not `precise`, the line is the component's first: the search costs a second parse of each line.
    """
    try:
        lines = zones.rewrite(block)
    except UnknownZone as unknown:
        raise Broken(unknown.line.number, "unknown_zone", f"{unknown.line.name}: ") from unknown
    try:
        component = _component(block.name, lines, list(zones.definitions(lines)))
    except PARSER_FAULTS as error:
        line = _broken_line(block.name, lines) if precise else None
        raise Broken(line or block.number, "bad_property") from error
    for name in ("UID", "DTSTART", "DTEND", "DUE", "DURATION", "RECURRENCE-ID", "STATUS", "SUMMARY"):
        if isinstance(component.get(name), list):
            raise Broken(_number(block, name), "bad_property", f"{name}: ")
    errors = getattr(component, "errors", None) or []
    if errors:
        name = str(errors[0][0] or "").upper()
        raise Broken(_number(block, name), "bad_property", f"{name}: " if name else "")
    start, end = (_moment(component.get(name)) for name in ("DTSTART", "DTEND"))
    if start and end and isinstance(start, datetime) != isinstance(end, datetime):
        raise Broken(_number(block, "DTEND"), "mixed_times", "DTEND: ")
    return Member(block, component)


def _component(name: str, lines: list[Line], definitions: list[str]) -> Component:
    texts = [line.text for line in lines]
    text = "\r\n".join(["BEGIN:VCALENDAR", *definitions, f"BEGIN:{name}", *texts, f"END:{name}", "END:VCALENDAR", ""])
    (found,) = Calendar.from_ical(text).walk(name)
    return found


def _broken_line(name: str, lines: list[Line]) -> int | None:
    """Return the number of the first line that cannot be read even alone."""
    for line in lines:
        try:
            _component(name, [line], [])
        except PARSER_FAULTS:
            return line.number
    return None


def _number(block: Block, name: str) -> int:
    line = block.first(name)
    return line.number if line else block.number


def expand(members: list[Member], start: datetime, end: datetime) -> Iterator[Instance]:
    """Yield the instances of one UID that touch [start, end), with those that were cancelled or moved out of it."""
    series = [member for member in members if member.slot is None]
    changed = [member for member in members if member.slot is not None]
    for member in members:
        _ = member.start  # a component without start is broken whatever else it says
    if not changed and all("RRULE" not in found and "RDATE" not in found for _, found in series):
        newest = max(series, key=_sequence)
        yield _direct(newest, _uid(newest))
        return
    for member in members:
        _guard(member, end)
    yield from _series(members, series, changed, start, end)


def _series(
    members: list[Member], series: list[Member], changed: list[Member], start: datetime, end: datetime
) -> Iterator[Instance]:
    calendar = Calendar()
    for member in members:
        calendar.add_component(member.component)
    uid = _uid(members[0])
    moved = {_slot(member.slot): member for member in changed}
    seen = set()
    for found in recurring_ical_events.of(calendar).between(start, end):
        slot = _moment(found["RECURRENCE-ID"]) or cast("date", _moment(found["DTSTART"]))
        block, begins = (series or members)[0].block, cast("date", _moment(found["DTSTART"]))
        if change := moved.get(_slot(slot)):
            block = change.block
            if "RANGE" in found["RECURRENCE-ID"].params and begins != change.start:
                slot = begins - (change.start - cast("date", change.slot))  # a later instance of "this and future"
        native = _native(uid, _slot(slot))
        seen.add(native)
        yield Instance(native, begins, _moment(found.get("DTEND")) or begins, _cancelled(found), found, block)
    for member in changed:  # a moved instance may have left the window that its slot is in
        if (native := _native(uid, _slot(member.slot))) not in seen:
            seen.add(native)
            yield _direct(member, native)
    for member in series:
        for slot in _excluded(member.component):
            touches = start <= _instant(slot, start) < end
            if touches and (native := _native(uid, _slot(slot))) not in seen:
                seen.add(native)
                length = _end(member) - member.start
                yield Instance(native, slot, slot + length, True, member.component, member.block)


def _direct(member: Member, native: str) -> Instance:
    return Instance(
        _short(native), member.start, _end(member), _cancelled(member.component), member.component, member.block
    )


def _end(member: Member) -> date:
    """Return DTEND, or start and DURATION, or what RFC 5545 says when both are missing: one day, or no time at all."""
    end = _moment(member.component.get("DTEND"))
    if end is not None:
        return end
    duration = member.component.get("DURATION")
    if duration is not None:
        return member.start + cast("timedelta", duration.dt)
    return member.start if isinstance(member.start, datetime) else member.start + timedelta(days=1)


def _guard(member: Member, end: datetime) -> None:
    rules = member.component.get("RRULE", [])
    line = _number(member.block, "RRULE")
    for rule in rules if isinstance(rules, list) else [rules]:
        if not isinstance(rule, vRecur):
            raise Broken(line, "bad_recurrence")
        _guard_rule(rule, line, (end - _instant(member.start, end)).days)


def _guard_rule(rule: Mapping[str, Any], line: int, days: int) -> None:
    frequency = str((rule.get("FREQ") or [""])[0]).upper()
    intervals, months, month_days = (rule.get(name) or [] for name in ("INTERVAL", "BYMONTH", "BYMONTHDAY"))
    if not frequency or any(int(interval) < 1 for interval in intervals):
        raise Broken(line, "bad_recurrence")
    if (
        months
        and month_days
        and not any(abs(int(day)) <= LONGEST_MONTHS[int(month) - 1] for month in months for day in month_days)
    ):
        raise Broken(line, "bad_recurrence")  # 30 February: following it ends in the year 9999
    by_day = {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"} & set(rule)
    if frequency not in STEP_DAYS or (frequency == "HOURLY" and by_day):
        raise Broken(line, "too_frequent")
    a_day = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        a_day *= max(1, len(rule.get(name) or []))
    if a_day > MAX_PER_DAY or days / STEP_DAYS[frequency] * a_day > MAX_STEPS:
        raise Broken(line, "too_frequent")


def _excluded(component: Component) -> Iterator[date]:
    found = component.get("EXDATE", [])
    for dates in found if isinstance(found, list) else [found]:
        for excluded in dates.dts:
            yield excluded.dt


def _moment(value: Any) -> date | None:
    return cast("date", value.dt) if value is not None else None


def _instant(moment: date, zoned: datetime) -> datetime:
    """Return a date's midnight in the zone of `zoned`, or the time itself."""
    return moment if isinstance(moment, datetime) else datetime.combine(moment, datetime.min.time(), zoned.tzinfo)


def _slot(moment: date | None) -> str:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{moment:%Y%m%d}" if moment else ""


def _uid(member: Member) -> str:
    """Return the UID, or the words of a component whose client forgot it."""
    return str(member.component.get("UID", "")) or f"{member.start.isoformat()}|{member.component.get('SUMMARY', '')}"


def _native(uid: str, slot: str) -> str:
    return _short(f"{uid}|{slot}")


def _short(native: str) -> str:
    return native if len(native) <= MAX_NATIVE else sha256(native.encode("utf-8", "replace")).hexdigest()


def _cancelled(component: Component) -> bool:
    return str(component.get("STATUS", "")).strip().upper() == "CANCELLED"


def _sequence(member: Member) -> int:
    return int(member.component.get("SEQUENCE", 0))
