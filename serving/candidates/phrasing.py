"""Texts of tips: titles sanitised and shortened, slots filled early or late, due dates in words."""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

from data_contracts.clock_face import clock_face
from data_contracts.durations import DAY_MIN, MINUTE_US
from data_contracts.tips import MAX_TEXT
from serving.recommend.local_time import day_start_us, local, minute_of_day

SLOT = re.compile(r"\{(\w+)\}")
LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
MARKUP = re.compile(r"[{}<>`|\\]")
ELLIPSIS = "…"
APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"  # so that a title cannot end the quotes around it
QUOTE = "\N{RIGHT DOUBLE QUOTATION MARK}"
EDGES = " .,;:!?-_*#/\N{EN DASH}\N{EM DASH}"
LEAST_TITLE = 12  # a title with less room than this says nothing
DATE_ONLY_MIN = DAY_MIN - 1  # a task due at 23:59 or later is due that day, at no hour

# The widest value of each slot that is filled when the tip is given: so much room is kept for it.
LATE_WIDTH: Mapping[str, int] = {
    "gap": 3,
    "until": 5,
    "due": 19,
    "bed": 5,
    "open": 4,
    "overdue": 2,
    "due_today": 2,
    "oldest": 3,
    "left": 2,
}
# A late slot has a value only where its feature is known and below the cap at which counting stops.
SLOT_NEEDS: Mapping[str, tuple[str, float, float]] = MappingProxyType(
    {
        "gap": ("free_gap_min", 5, 719),
        "until": ("free_gap_min", 1, 719),
        "bed": ("minutes_to_quiet", 0, 1_440),
        "open": ("tasks_open", 1, 4_999),
        "overdue": ("tasks_overdue", 1, 31),
        "due_today": ("tasks_due_today", 1, 31),
        "oldest": ("oldest_open_days", 1, 364),
        "left": ("events_left_today", 1, 31),
    }
)
EARLY_SLOTS = frozenset({"task", "habit", "streak", "effort"})
TITLE_SLOTS = frozenset({"task", "habit"})


def clean_title(title: str) -> str:
    """Return a title that is safe inside a sentence: no control or bidi characters, links or markup.

    Empty when nothing readable is left; then there is no candidate.
    """
    text = unicodedata.normalize("NFC", LINK.sub(" ", title))
    text = "".join(" " if char.isspace() else char for char in text)
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C")
    text = MARKUP.sub("", text).replace("'", APOSTROPHE).replace('"', QUOTE)
    text = " ".join(text.split()).strip(EDGES)
    return text if any(char.isalnum() for char in text) else ""


def shorten(title: str, room: int) -> str:
    """Return the title in at most `room` characters, cut at a word where that keeps half of it, with an ellipsis."""
    if len(title) <= room:
        return title
    head = title[: max(room - 1, 0)]
    cut = head.rfind(" ")
    if cut >= room // 2:
        head = head[:cut]
    return head.rstrip(EDGES + APOSTROPHE) + ELLIPSIS


def slots(template: str) -> frozenset[str]:
    """Return the names of a template's slots."""
    return frozenset(SLOT.findall(template))


def title_room(template: str, values: Mapping[str, str] | None = None) -> int:
    """Return how many characters are left for the title once every other slot is at its widest."""
    fixed = len(SLOT.sub("", template))
    given = values or {}
    others = (name for name in SLOT.findall(template) if name not in TITLE_SLOTS)
    return (
        MAX_TEXT
        - fixed
        - sum(LATE_WIDTH[name] if name in LATE_WIDTH else len(given.get(name, "00")) for name in others)
    )


def fill_early(template: str, values: Mapping[str, str]) -> str | None:
    """Return the template with its early slots filled and its late slots left open.

    None when an early slot has no value, or when the title would be cut to nothing.
    """
    room = title_room(template, values)
    filled = template
    for name in SLOT.findall(template):
        if name in LATE_WIDTH:
            continue
        value = values.get(name, "")
        if name in TITLE_SLOTS:
            value = shorten(value, room) if room >= LEAST_TITLE else ""
        if not value:
            return None
        filled = filled.replace(f"{{{name}}}", value)
    return filled


def fill_late(text: str, values: Mapping[str, str]) -> str | None:
    """Return the finished sentence; None when a slot has no value now, so that nothing half-said is ever shown."""
    if "{" not in text:
        return text
    names = SLOT.findall(text)
    if any(not values.get(name) for name in names):
        return None
    return SLOT.sub(lambda match: values[match.group(1)], text)


def due_phrase(due_us: int, now_us: int, zone: ZoneInfo) -> str:
    """Return when a task is due as a person would say it: `due at 15:00`, `due since Monday`."""
    day = due_day_us(due_us, zone)
    today = day_start_us(now_us, zone)
    if due_us < now_us and day < today:
        return f"due since {_day_name(day, today, zone)}"
    at_hour = minute_of_day(due_us, zone) < DATE_ONLY_MIN and day_start_us(due_us, zone) == day
    if day == today:
        clock = clock_face(minute_of_day(due_us, zone))
        if not at_hour:
            return "due today"
        return f"due since {clock}" if due_us < now_us else f"due at {clock}"
    return f"due {_day_name(day, today, zone)}"


def due_day_us(due_us: int, zone: ZoneInfo) -> int:
    """Return the local midnight of the day a task is due; the very end of a day belongs to that day."""
    return day_start_us(due_us - 1, zone)


def _day_name(day_us: int, today_us: int, zone: ZoneInfo) -> str:
    days = round((day_us - today_us) / (DAY_MIN * MINUTE_US))
    if days in {-1, 1}:
        return "yesterday" if days < 0 else "tomorrow"
    there = local(day_us, zone)
    week = 7
    return there.strftime("%A") if abs(days) < week else f"{there.day} {there.strftime('%b')}"
