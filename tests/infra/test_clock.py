"""Laws of the clock."""

from datetime import UTC, datetime, timedelta

import pytest

from data_contracts.errors import Malformed
from infra.clock import clock_of, fixed_clock, shifted_clock, system_clock


def test_a_fixed_clock_stands_still_in_utc() -> None:
    """The named instant comes back in UTC, however often one asks."""
    clock = clock_of("fixed 2026-03-04T14:00:00+01:00")
    assert clock() == clock() == datetime(2026, 3, 4, 13, tzinfo=UTC)
    assert clock().tzinfo is UTC


def test_a_shifted_clock_keeps_the_pace(now: datetime) -> None:
    """An offset in seconds moves the clock and nothing else."""
    assert shifted_clock(timedelta(hours=-2), fixed_clock(now))() == now - timedelta(hours=2)
    ahead = clock_of("+3600")() - system_clock()
    assert timedelta(minutes=59) < ahead <= timedelta(hours=1)


@pytest.mark.parametrize("setting", [None, ""])
def test_without_a_setting_the_clock_is_the_real_one(setting: str | None) -> None:
    """Nothing set means the system's clock."""
    assert clock_of(setting) is system_clock


@pytest.mark.parametrize(
    "setting",
    [
        *("fixed 2026-03-04T14:00:00", "fixed soon", "tomorrow", "+nan", "+1e30"),
        *("fixed 9999-12-31T23:59:59Z", "fixed 0001-01-01T00:00+14:00"),
    ],
)
def test_an_unreadable_clock_is_refused(setting: str) -> None:
    """A naive instant or a riddle is refused when it is set, not when time is asked for."""
    with pytest.raises(Malformed):
        clock_of(setting)
