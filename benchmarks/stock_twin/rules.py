"""The speaking rules and of eligibility, as plain Python over rows and dicts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.stock_twin.tables import Decision, Person
from data_contracts.features import POSITION
from data_contracts.served import ServedRow
from feature_repo.vector.kernel import ContextVector

MOST_ACTIONS = 30
UNKNOWN_GAP_MIN = 30.0
MINUTE_US = 60_000_000
POINT_US = 15 * MINUTE_US
CALENDAR, FREE_GAP = 1, POSITION["free_gap_min"]


def local(now_us: int, zone: ZoneInfo) -> datetime:
    """Return the wall clock."""
    return datetime.fromtimestamp(now_us // 1_000_000, zone)


def day_start_us(now_us: int, zone: ZoneInfo) -> int:
    """Return the last local midnight."""
    midnight = local(now_us, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return int(midnight.timestamp()) * 1_000_000


def minute_of_day(now_us: int, zone: ZoneInfo) -> int:
    """Return the minutes since 00:00 on the wall clock."""
    there = local(now_us, zone)
    return there.hour * 60 + there.minute


def closed_now(row: ServedRow, person: Person, now_us: int, zone: ZoneInfo) -> str | None:
    """Return the rule that lets nothing be said now."""
    if person.consent_mask >> CALENDAR & 1:
        busy = zip(row.calendar.busy_start_us, row.calendar.busy_end_us, strict=True)
        if any(start <= now_us <= end for start, end in busy):
            return "in_event"
    minute, start, end = minute_of_day(now_us, zone), person.quiet_start_min, person.quiet_end_min
    quiet = start <= minute < end if start <= end else minute >= start or minute < end
    return "quiet_hours" if quiet else None


def no_new_tip(newest: Decision | None, trigger: str, spent: int, budget: int, now_us: int) -> str | None:
    """Return the rule that lets no new decision be made now."""
    point_us = now_us - now_us % POINT_US
    if newest is not None:
        if newest.closed_by == "reaction" and newest.closed_us is not None and newest.closed_us >= point_us:
            return "resting"
        if newest.silent and newest.at_us >= point_us:
            return "silence_holds"
    return "budget_spent" if trigger == "unsolicited" and spent >= budget else None


def next_event_us(row: ServedRow, person: Person, now_us: int) -> int | None:
    """Return when the next busy event begins."""
    if not person.consent_mask >> CALENDAR & 1:
        return None
    return next((start for start in row.calendar.busy_start_us if start >= now_us), None)


def free_minutes(row: ServedRow, person: Person, vector: ContextVector, now_us: int) -> float:
    """Return the minutes that a tip may take."""
    if not vector.masked[FREE_GAP]:
        return float(vector.values[FREE_GAP])
    event_us = next_event_us(row, person, now_us)
    return UNKNOWN_GAP_MIN if event_us is None else min(UNKNOWN_GAP_MIN, (event_us - now_us) / MINUTE_US)


def eligible(
    candidates: list[dict[str, Any]],
    vector: ContextVector,
    *,
    now_us: int,
    minute: int,
    free_min: float,
    blocked: set[str],
) -> tuple[list[int], dict[str, int]]:
    """Return the places of the tips that may be given, and how many each rule kept out."""
    values, masked = vector.values.tolist(), vector.masked.tolist()
    places: list[int] = []
    refused: dict[str, int] = {}
    for place, candidate in enumerate(candidates):
        rule = _refusal(candidate, values, masked, now_us, minute=minute, free_min=free_min, blocked=blocked)
        if rule is None:
            places.append(place)
        else:
            refused[rule] = refused.get(rule, 0) + 1
    if len(places) > MOST_ACTIONS:
        refused["over_capacity"] = len(places) - MOST_ACTIONS
    return places[:MOST_ACTIONS], refused


def _refusal(
    candidate: dict[str, Any],
    values: list[float],
    masked: list[bool],
    now_us: int,
    *,
    minute: int,
    free_min: float,
    blocked: set[str],
) -> str | None:
    if candidate["expires_us"] <= now_us:
        return "expired"
    if candidate["opens_us"] > now_us:
        return "not_yet"
    if not candidate["from_min"] <= minute < candidate["until_min"]:
        return "time_of_day"
    if any(masked[at] or not low <= values[at] <= high for at, low, high in candidate["conditions"]):
        return "conditions"
    if candidate["effort_min"] > free_min:
        return "effort"
    return "cluster_blocked" if candidate["cluster"] in blocked else None


def expiry_us(candidate: dict[str, Any], row: ServedRow, person: Person, now_us: int, zone: ZoneInfo) -> int:
    """Return when a tip that is given now stops being true."""
    there = local(now_us, zone)
    quiet = there.replace(hour=0, minute=0, second=0) + timedelta(minutes=person.quiet_start_min)
    quiet_us = int(quiet.astimezone(UTC).timestamp()) * 1_000_000
    limits = [now_us + candidate["lasts_min"] * MINUTE_US, candidate["expires_us"], quiet_us]
    event_us = next_event_us(row, person, now_us)
    if event_us is not None:
        limits.append(event_us - candidate["effort_min"] * MINUTE_US)
    return max(int(min(limits)), now_us + MINUTE_US)
