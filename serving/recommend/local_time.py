"""Local time of a person: days, clock times and the quarter-hour grid of decisions."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from data_contracts.durations import MINUTE_US
from data_contracts.identifiers import to_us

POINT_US = 15 * MINUTE_US  # every zone's offset is a multiple of a quarter hour, so the grid is the same everywhere


def local(at_us: int, zone: ZoneInfo) -> datetime:
    """Return the wall clock of `zone` at `at_us`, to the second."""
    return datetime.fromtimestamp(at_us // 1_000_000, zone)


def day_start_us(at_us: int, zone: ZoneInfo, days: int = 0) -> int:
    """Return the local midnight that begins the day of `at_us`, moved by whole local days."""
    return _day_start_us(at_us // POINT_US, zone, days)


@lru_cache(maxsize=8_192)
def _day_start_us(point: int, zone: ZoneInfo, days: int) -> int:
    """Return the midnight of a quarter hour: no zone begins a day or changes its offset inside one."""
    there = local(point * POINT_US, zone)
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0, fold=0, tzinfo=None) + timedelta(days=days)
    return to_us(midnight.replace(tzinfo=zone).astimezone(UTC))


def minute_of_day(at_us: int, zone: ZoneInfo) -> int:
    """Return the minutes that the wall clock shows since 00:00."""
    there = local(at_us, zone)
    return there.hour * 60 + there.minute


def decision_point_us(at_us: int) -> int:
    """Return the quarter-hour point at or before `at_us`."""
    return at_us - at_us % POINT_US


def next_point_us(at_us: int) -> int:
    """Return the first quarter-hour point after `at_us`."""
    return decision_point_us(at_us) + POINT_US


def within_daily(minute: int, start_min: int, end_min: int) -> bool:
    """Return whether `minute` lies in the daily window [start, end), which may cross midnight; empty when equal."""
    if start_min <= end_min:
        return start_min <= minute < end_min
    return minute >= start_min or minute < end_min
