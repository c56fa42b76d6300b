"""Reads one JSON value of a signal strictly, or refuses it by a named rule without repeating the value."""

import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from data_contracts.identifiers import to_us

MAX_ID = 64
MAX_NATIVE_ID = 512
MAX_LABEL = 64
MAX_TITLE = 500
MAX_TIME_TEXT = 96
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)

RULES: dict[str, str] = {
    "newer_version": "The signal is written in a later version of this contract than this oO knows.",
    "not_an_object": "A signal is a JSON object with id, kind, at, source and data, and data is an object too.",
    "missing_field": "A field that this kind needs is not there.",
    "unknown_field": "There is a field that this kind does not know.",
    "unknown_kind": "The kind is none of the kinds of signals.",
    "wrong_type": "The value has another JSON type than the field; true and false are not numbers.",
    "not_finite": "NaN and infinity are no values.",
    "out_of_range": "The value lies outside the range of the field.",
    "not_a_choice": "The value is none of the words that the field knows.",
    "bad_id": "An id has 1 to 64 characters out of letters, digits, dot, underscore, colon and hyphen.",
    "bad_subject": "A subject of an event is a keyed hash of 32 hexadecimal digits, never a name.",
    "empty_text": "The text is empty.",
    "text_too_long": "The text is longer than the field allows.",
    "bad_text": "The text holds control characters or is not valid Unicode.",
    "bad_time": "A time is written in ISO 8601 with date, time and offset, and an optional [Area/City].",
    "naive_time": "The time names no offset and no zone, so the instant is unknown.",
    "unknown_zone": "The zone in brackets is none of the IANA time zones.",
    "zone_mismatch": "The offset is not the one that the zone in brackets has at that time.",
    "future_event": "The signal says that it happened more than 5 minutes after it was received.",
    "ancient_event": "The signal says that it happened more than 10 years before it was received.",
    "ends_before_start": "The event ends before it starts.",
    "nothing_observed": "The context names neither device nor place nor focus.",
}

# Rules that only the API can check; nothing of a signal that breaks one is stored, not even sealed.
API_RULES: dict[str, str] = {
    "consent_missing": "The person has not granted, or has withdrawn, the consent that this kind needs.",
    "kind_not_allowed": "The token or webhook that brought the signal may not bring this kind.",
    "foreign_source": "The signal names another source than the one whose token or webhook brought it.",
}

_ID = re.compile(rf"[A-Za-z0-9._:-]{{1,{MAX_ID}}}")
_ZONED = re.compile(r"([^\[\]]*)\[([A-Za-z0-9_+/-]{1,64})\]")


class Refuse(Exception):
    """Carries one broken rule to the edge of the reader, which turns it into a value."""

    def __init__(self, rule: str, where: str) -> None:
        super().__init__(f"{where}: {RULES[rule]}")
        self.rule = rule


def read_id(value: Any, where: str) -> str:
    """Return an identifier that is safe in keys, logs and headers."""
    if not isinstance(value, str):
        raise Refuse("wrong_type", where)
    if not _ID.fullmatch(value):
        raise Refuse("bad_id", where)
    return value


def read_text(value: Any, where: str, longest: int) -> str:
    """Return a text of 1 to `longest` characters without surrounding space and control characters."""
    if not isinstance(value, str):
        raise Refuse("wrong_type", where)
    text = value.strip()
    if not text:
        raise Refuse("empty_text", where)
    if len(text) > longest:
        raise Refuse("text_too_long", where)
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise Refuse("bad_text", where)
    return text


def canonical_label(label: str) -> str:
    """Return the form of a label that is hashed, so that "Run" and " run" are one habit."""
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split())


def read_whole(value: Any, where: str, low: float, high: float) -> int:
    """Return a whole number in [low, high]."""
    if isinstance(value, float) and not math.isfinite(value):
        raise Refuse("not_finite", where)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Refuse("wrong_type", where)
    if not low <= value <= high:
        raise Refuse("out_of_range", where)
    return value


def read_flag(value: Any, where: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise Refuse("wrong_type", where)
    return value


def read_choice(value: Any, where: str, choices: tuple[str, ...]) -> int:
    """Return the position of a word among `choices`, counted from 1 as the event schema does."""
    if not isinstance(value, str):
        raise Refuse("wrong_type", where)
    if value not in choices:
        raise Refuse("not_a_choice", where)
    return choices.index(value) + 1


def read_time(value: Any, where: str) -> int:
    """Return the microseconds since the epoch of an ISO 8601 time with an offset, a zone in brackets, or both."""
    if not isinstance(value, str):
        raise Refuse("wrong_type", where)
    zoned = _ZONED.fullmatch(value)
    try:
        at = datetime.fromisoformat(zoned[1] if zoned else value) if len(value) <= MAX_TIME_TEXT else None
    except ValueError:
        at = None
    if at is None:
        raise Refuse("bad_time", where)
    if zoned:
        at = _in_zone(at, zoned[2], where)
    if at.tzinfo is None:
        raise Refuse("naive_time", where)
    if not to_us(EARLIEST) <= to_us(at) <= to_us(LATEST):
        raise Refuse("out_of_range", where)
    return to_us(at)


def _in_zone(at: datetime, name: str, where: str) -> datetime:
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, malformed, or a folder of the zone database
        raise Refuse("unknown_zone", where) from error
    if at.tzinfo is None:
        return at.replace(tzinfo=zone)
    if not EARLIEST - timedelta(days=1) <= at <= LATEST + timedelta(days=1):
        raise Refuse("out_of_range", where)  # before a conversion that could leave the years of datetime
    if at.astimezone(zone).utcoffset() != at.utcoffset():
        raise Refuse("zone_mismatch", where)
    return at
