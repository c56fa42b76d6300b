"""Clocks as arguments: the system's, a fixed one, or a shifted one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from data_contracts.errors import Malformed
from data_contracts.signals.values import EARLIEST, LATEST

__all__ = ["Clock", "clock_of", "fixed_clock", "shifted_clock", "system_clock"]

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """Return the current instant, aware and in UTC."""
    return datetime.now(UTC)


def fixed_clock(at: datetime) -> Clock:
    """Return a clock that stands still at `at`, which must be aware and in the years that signals may have."""
    if at.tzinfo is None:
        raise Malformed(f"a clock needs an instant with a zone, not {at.isoformat()}")
    if not EARLIEST <= at < LATEST:
        raise Malformed(f"a clock needs an instant between {EARLIEST:%Y} and {LATEST:%Y}, not {at.isoformat()}")
    instant = at.astimezone(UTC)
    return lambda: instant


def shifted_clock(offset: timedelta, clock: Clock = system_clock) -> Clock:
    """Return a clock that runs at the pace of `clock`, away from it by `offset`."""
    return lambda: clock() + offset


def clock_of(setting: str | None) -> Clock:
    """Return the clock that `OO_CLOCK` names: nothing, "fixed 2026-11-22T09:00:00Z", or "+3600" seconds."""
    if not setting:
        return system_clock
    word, _, rest = setting.strip().partition(" ")
    try:
        if word == "fixed":
            return fixed_clock(datetime.fromisoformat(rest.strip()))
        return shifted_clock(timedelta(seconds=float(setting)))
    except (ValueError, OverflowError) as error:
        raise Malformed(f'OO_CLOCK must read "fixed <instant with zone>" or "+<seconds>", not {setting!r}') from error
