"""Todoist tasks as JSON: the sync shape (`items`), the pages of the REST API (`results`), and a plain list.

The file is read task by task, so that a broken or cut file loses only what is broken. Todoist's API counts priority
from 1 (none) to 4 (urgent); ours is the other way round.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from data_contracts.identifiers import SubjectKey
from infra.connectors.connector import FileRefused, Parsed, ReadContext, Reading, Refused
from infra.connectors.text_files import is_clean, open_text

LISTS = re.compile(r'\A\s*\[|"(?:items|results|tasks)"\s*:\s*\[')
NEXT = re.compile(r"[\s,]*")
LOST = re.compile(r"\}\s*,\s*(?=\{)")
DAY_MINUTES = 480  # a task of one day is a working day
LABELS = re.compile(r"(?:\s+@[\w-]+)+$")
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_DECODER = json.JSONDecoder()


class Item(NamedTuple):
    """One value of the list, and where it begins."""

    line: int
    value: Any
    raw: str


class TodoistJson:
    """The connector of `.json` files."""

    name = "todoist_json"

    def matches(self, path: Path, head: str) -> bool:
        """Return whether the text is JSON by its first character."""
        return path.suffix.lower() != ".jsonl" and head.lstrip()[:1] in {"[", "{"}

    def read(self, path: Path, context: ReadContext) -> Iterator[Parsed | Refused]:
        """Yield the state of each task."""
        reading = Reading(path, self.name, context)
        for item in _items(reading):
            yield item if isinstance(item, Refused) else _signal(reading, item)

    def titles(self, path: Path, context: ReadContext) -> Iterator[tuple[SubjectKey, str]]:
        """Yield the contents, without labels and links."""
        for item in _items(Reading(path, self.name, context)):
            if isinstance(item, Refused) or not isinstance(item.value, dict):
                continue
            native, content = _native(item.value), item.value.get("content")
            if isinstance(native, str) and isinstance(content, str):
                yield context.subject_key("task", native.strip()), plain(content)


def plain(content: str) -> str:
    """Return a task's words without Todoist's labels and Markdown links."""
    return LABELS.sub("", LINK.sub(r"\1", content)).replace("**", "").strip()


def _items(reading: Reading) -> Iterator[Item | Refused]:
    with open_text(reading.path) as stream:
        text = stream.read()
    begin = LISTS.search(text)
    if begin is None:
        rule = "not_a_task_list" if _is_json(text) else "bad_json"
        raise FileRefused(reading.path, rule)
    at, line, counted = NEXT.match(text, begin.end()), 1, 0
    position, lost_rest = at.end() if at else begin.end(), False
    while position < len(text) and text[position] != "]":
        line, counted = line + text.count("\n", counted, position), position
        try:
            value, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            lost = LOST.search(text, position)
            end, lost_rest = (lost.end(), False) if lost else (len(text), True)
            yield reading.refuse(line, "bad_json", text[position:end])
        else:
            raw = text[position:end]
            yield Item(line, value, raw) if is_clean(raw) else reading.refuse(line, "invalid_utf8", raw)
        following = NEXT.match(text, end)
        position = following.end() if following else end
    if position >= len(text) and not lost_rest:
        yield reading.refuse(line + text.count("\n", counted), "bad_json")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _signal(reading: Reading, item: Item) -> Parsed | Refused:
    task = item.value
    if not isinstance(task, dict):
        return reading.refuse(item.line, "not_an_object", item.raw)
    native = _native(task)
    data: dict[str, Any] = {"task": native, "state": _state(task), "priority": task.get("priority", 1)}
    if isinstance(data["priority"], int) and not isinstance(data["priority"], bool):
        data["priority"] = 5 - data["priority"]
    try:
        data |= _due(task, reading.context.zone)
    except UnknownZone:
        return reading.refuse(item.line, "unknown_zone", item.raw, "due.timezone: ")
    created, completed = _first(task, "added_at", "created_at", "date_added"), _completed(task)
    data |= {name: value for name, value in (("created", created), ("completed", completed)) if value is not None}
    data |= _effort(task.get("duration"))
    updated = _first(task, "updated_at")
    at = reading.known_at(*(_time(value) for value in (updated, completed, created)))
    revision = updated if isinstance(updated, str) else ""
    return reading.signal(
        "task_changed", data, native=str(native), at=at, line=item.line, raw=item.raw, revision=revision
    )


def _native(task: dict[str, Any]) -> Any:
    """Return the task's id; older exports count with numbers, lists of completed tasks name it `task_id`."""
    native = task.get("task_id") or task.get("id")
    return str(native) if isinstance(native, int) and not isinstance(native, bool) else native


def _first(task: dict[str, Any], *names: str) -> Any:
    return next((task[name] for name in names if task.get(name) is not None), None)


def _completed(task: dict[str, Any]) -> Any:
    return _first(task, "completed_at", "date_completed")


def _state(task: dict[str, Any]) -> str:
    if task.get("is_deleted"):
        return "deleted"
    return "done" if task.get("checked") or task.get("is_completed") or _completed(task) else "open"


class UnknownZone(Exception):
    """A due time needs a zone, and names an unknown one."""


def _due(task: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return `due` and `due_is_date`; what is no date at all is handed on, so that the contract names the rule."""
    due = task.get("due") or task.get("deadline")
    if due is None:
        return {}
    text = (due.get("datetime") or due.get("date")) if isinstance(due, dict) else due
    if not isinstance(text, str):
        return {"due": text if text is not None else due}
    return due_fields(text, due.get("timezone") if isinstance(due, dict) else None, zone)


def due_fields(text: str, zone_name: Any, zone: ZoneInfo) -> dict[str, Any]:
    """Return when `text` is: a day ends with its last moment, a floating time is the person's; raises `UnknownZone`."""
    try:
        if len(text) == len("2026-11-25"):
            following = date.fromisoformat(text) + timedelta(days=1)
            midnight = datetime.combine(following, time.min, zone).astimezone(UTC)
            return {"due": (midnight - timedelta(microseconds=1)).isoformat(), "due_is_date": True}
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=_zone(zone_name) if zone_name else zone)
        return {"due": moment.isoformat(), "due_is_date": False}
    except (ValueError, OverflowError):
        return {"due": text}


def _zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise UnknownZone(str(type(name))) from error


def _effort(duration: Any) -> dict[str, Any]:
    if not isinstance(duration, dict):
        return {}
    return effort_fields(duration.get("amount"), duration.get("unit"))


def effort_fields(amount: Any, unit: Any) -> dict[str, Any]:
    """Return `effort_min`; a task of more than a day has no effort that fits a gap."""
    if unit == "day":
        return {"effort_min": DAY_MINUTES} if amount == 1 else {}
    return {} if isinstance(amount, int) and amount > 24 * 60 else {"effort_min": amount}


def _time(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment.astimezone(UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
