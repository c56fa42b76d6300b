"""Instances keep their time on the clock of their own zone, over both changes of the year."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from data_contracts.identifiers import PersonId, from_us
from infra.connectors.calendars.blocks import Block, read_blocks
from infra.connectors.calendars.zones import Zones, iana_name
from infra.connectors.import_files import read_files
from tests.infra.connectors.conftest import Keys

WINDOWS = {"W. Europe Standard Time": "Europe/Berlin"}
MATRIX = [
    # zone of the event, first start, where the clock changes, hours UTC before and after
    ("Europe/Berlin", "20260328T093000", (2026, 3, 28), [(8, 30), (7, 30), (7, 30)]),
    ("Europe/Berlin", "20261024T093000", (2026, 10, 24), [(7, 30), (8, 30), (8, 30)]),
    ("W. Europe Standard Time", "20260328T093000", (2026, 3, 28), [(8, 30), (7, 30), (7, 30)]),
    ("America/New_York", "20260307T093000", (2026, 3, 7), [(14, 30), (13, 30), (13, 30)]),
    ("America/New_York", "20261031T093000", (2026, 10, 31), [(13, 30), (14, 30), (14, 30)]),
    ("Asia/Kathmandu", "20260328T093000", (2026, 3, 28), [(3, 45), (3, 45), (3, 45)]),
    ("Australia/Lord_Howe", "20260404T093000", (2026, 4, 4), [(22, 30), (23, 0), (23, 0)]),
    ("Europe/Berlin", "20260328T023000", (2026, 3, 28), [(1, 30), (1, 30), (0, 30)]),  # 29 March has no 02:30
    (None, "20260328T093000", (2026, 3, 28), [(8, 30), (7, 30), (7, 30)]),  # floating: the person's zone
]


@pytest.mark.parametrize(("name", "start", "day", "expected"), MATRIX)
def test_a_daily_meeting_keeps_its_time_on_the_clock(
    *,
    name: str | None,
    start: str,
    day: tuple[int, int, int],
    expected: list[tuple[int, int]],
    tmp_path: Path,
    person: PersonId,
    vault: Keys,
) -> None:
    """The instant in UTC moves where the zone changes its clock."""
    path = tmp_path / "zones.ics"
    parameter = f";TZID={name}" if name else ""
    path.write_text(
        f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nDTSTART{parameter}:{start}\nDURATION:PT15M\nRRULE:FREQ=DAILY;COUNT=3\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    )
    now = datetime(*day, tzinfo=UTC)
    (batch,) = read_files([path], person=person, vault=vault, zone=ZoneInfo("Europe/Berlin"), now=now)
    starts = sorted(from_us(row.event.event_scheduled.start_us) for row in batch.parsed)
    assert [(at.hour, at.minute) for at in starts] == expected


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ('"W. Europe Standard Time"', "Europe/Berlin"),
        ("/mozilla.org/20050126_1/America/Argentina/Salta", "America/Argentina/Salta"),
        ("GMT+0200", "Etc/GMT-2"),
        ("UTC+02:00", "Etc/GMT-2"),
        ("(UTC-5)", "Etc/GMT+5"),
        ("GMT+99", None),
        ("", None),
        ("../../etc/passwd", None),
    ],
)
def test_a_name_of_a_zone_means_one_zone_or_none(written: str, meant: str | None) -> None:
    """IANA, Windows, vendor prefixes and whole-hour offsets are known."""
    assert iana_name(written, WINDOWS) == meant


def test_a_known_name_means_the_known_zone_whatever_the_file_defines() -> None:
    """A file cannot move Berlin."""
    text = "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nTZOFFSETTO:+0900\nEND:STANDARD\nEND:VTIMEZONE\n"
    (block,) = read_blocks(text.splitlines(keepends=True))
    zones = Zones(ZoneInfo("UTC"), WINDOWS)
    assert isinstance(block, Block)
    zones.define(block)
    assert zones.name("Europe/Berlin") == "Europe/Berlin"


def test_a_definition_that_changes_more_than_yearly_is_no_zone() -> None:
    """Following it could take for ever."""
    text = (
        "BEGIN:VTIMEZONE\nTZID:X\nBEGIN:STANDARD\nTZOFFSETTO:+0900\nRRULE:FREQ=SECONDLY\nEND:STANDARD\nEND:VTIMEZONE\n"
    )
    (block,) = read_blocks(text.splitlines(keepends=True))
    zones = Zones(ZoneInfo("UTC"), WINDOWS)
    assert isinstance(block, Block)
    zones.define(block)
    assert zones.name("X") is None
