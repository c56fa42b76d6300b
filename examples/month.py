"""The example month, moved so that it is always the month that ends today.

The files are written for Wednesday, 25 November 2026, in Europe/Berlin. Calendar, habits, mood and context move by
whole weeks, so that weekdays hold: the week of that Wednesday becomes the week of `today`. Tasks move by whole days, so
that what is due on that Wednesday is due today. Local times stay what they are on the clock, also over a change to
summer time. What would lie after `until` did not happen yet: logs are left out, done tasks are open again.
"""

import csv
import io
import json
import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

ANCHOR = date(2026, 11, 25)
ZONE = ZoneInfo("Europe/Berlin")
HERE = Path(__file__).parent
TASK_TIMES = ("added_at", "completed_at", "updated_at")

_MOVED = re.compile(r"^(?:DTSTART|DTEND|EXDATE|RECURRENCE-ID|RRULE)\b", re.ASCII)
_STAMPED = re.compile(r"^(?:CREATED|LAST-MODIFIED|DTSTAMP)\b", re.ASCII)
_TIME = re.compile(r"(?<=[:=,])(\d{8})(T\d{6})?(Z)?")


def free_at(today: date) -> datetime:
    """Return an instant of every shifted day at which the person is free for 50 minutes or more."""
    return datetime.combine(today, time(10, 40), ZONE)


def busy_at(today: date) -> datetime:
    """Return an instant of every shifted day that lies inside of a meeting, a lunch or a sport."""
    return datetime.combine(today, time(13, 15), ZONE)


def shift_month(target: Path, today: date, until: datetime | None = None) -> list[Path]:
    """Write the month that ends at `until` (default: `free_at(today)`) into the folder `target`; return its files."""
    end = until or free_at(today)
    weeks = timedelta(days=(_monday(today) - _monday(ANCHOR)).days)
    days = today - ANCHOR
    written = {
        "calendar.ics": _calendar(_read("calendar.ics"), weeks, end),
        "tasks.json": _tasks(_read("tasks.json"), days, end),
        "habits.csv": _table(_read("habits.csv"), weeks, end),
        "mood.csv": _table(_read("mood.csv"), weeks, end),
        "context.jsonl": _context(_read("context.jsonl"), weeks, end),
    }
    target.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in written.items():
        path = target / name
        path.write_text(text, encoding="utf-8", newline="")
        paths.append(path)
    return paths


def _read(name: str) -> str:
    with (HERE / name).open(encoding="utf-8", newline="") as stream:
        return stream.read()


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _moved(at: datetime, by: timedelta) -> datetime:
    """Return the same time on the zone's clock, `by` whole days away; a time that the clock leaves out is later."""
    local = at.astimezone(ZONE).replace(tzinfo=None) + by
    return local.replace(tzinfo=ZONE).astimezone(UTC).astimezone(ZONE)


def _calendar(text: str, by: timedelta, until: datetime) -> str:
    lines = []
    in_zone = False
    for line in text.split("\r\n"):
        in_zone = line == "BEGIN:VTIMEZONE" or (in_zone and line != "END:VTIMEZONE")
        if not in_zone and _MOVED.match(line):
            lines.append(_TIME.sub(lambda found: _calendar_time(found, by), line))
        elif not in_zone and _STAMPED.match(line):
            lines.append(_TIME.sub(lambda found: min(_calendar_time(found, by), f"{_utc(until)}"), line))
        else:
            lines.append(line)
    return "\r\n".join(lines)


def _calendar_time(found: re.Match[str], by: timedelta) -> str:
    if found[3]:
        return _utc(_moved(datetime.fromisoformat(found[0]), by))
    return f"{date.fromisoformat(found[1]) + by:%Y%m%d}{found[2] or ''}"


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _tasks(text: str, by: timedelta, until: datetime) -> str:
    document = json.loads(text)
    tasks = [_task(task, by, until) for task in document["items"]]
    document["items"] = [task for task in tasks if datetime.fromisoformat(task["added_at"]) <= until]
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _task(task: dict[str, Any], by: timedelta, until: datetime) -> dict[str, Any]:
    times = {name: _task_time(task[name], by) for name in TASK_TIMES if task[name]}
    moved = task | times
    if moved["completed_at"] and datetime.fromisoformat(moved["completed_at"]) > until:
        moved |= {"checked": False, "completed_at": None}
    if datetime.fromisoformat(moved["updated_at"]) > until:
        moved["updated_at"] = moved["added_at"]
    if moved["due"]:
        due = _task_time(moved["due"]["date"], by)
        words = moved["due"]["string"] if moved["due"]["is_recurring"] else due[:10]
        moved["due"] = moved["due"] | {"date": due, "string": words}
    return moved


def _task_time(text: str, by: timedelta) -> str:
    """Move a day, a floating time or a time in UTC, each in its own form."""
    if not text.endswith("Z"):
        return f"{date.fromisoformat(text[:10]) + by}{text[10:]}"
    at = _moved(datetime.fromisoformat(text), by).astimezone(UTC)
    return at.isoformat(timespec="microseconds" if "." in text else "seconds").replace("+00:00", "Z")


def _table(text: str, by: timedelta, until: datetime) -> str:
    header, *rows = csv.reader(io.StringIO(text))
    moved = [(_moved(datetime.fromisoformat(row[0]), by), row[1:]) for row in rows]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([at.isoformat(timespec="minutes"), *rest] for at, rest in moved if at <= until)
    return out.getvalue()


def _context(text: str, by: timedelta, until: datetime) -> str:
    lines = []
    for line in text.splitlines():
        signal = json.loads(line)
        at = _moved(datetime.fromisoformat(signal["at"]), by)
        if at <= until:
            moved = {"id": f"context-{at:%Y%m%dT%H%M}", "at": at.isoformat(timespec="minutes")}
            lines.append(json.dumps(signal | moved) + "\n")
    return "".join(lines)
