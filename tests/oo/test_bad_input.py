"""Files that are wrong in every way people's files are: one sentence each, the sound part in, never a traceback."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from infra.connectors import text_files
from tests.oo.command_line import CommandLine

NOW_TEXT = "2026-03-04T08:00:00Z"


def mood(number: int, *, at: str = NOW_TEXT, value: str = "3") -> str:
    """Return a line of a signal file."""
    data = f'"kind": "mood_reported", "at": "{at}", "source": "s", "data": {{"mood": {value}}}'
    return f'{{"id": "m-{number}", {data}}}\n'


def event(uid: str, start: str, end: str = "DURATION:PT1H") -> str:
    """Return an event of a calendar."""
    parts = ("BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260301T080000Z", start, end, "END:VEVENT")
    return "\r\n".join(parts) + "\r\n"


def agenda(*events: str, end: str = "END:VCALENDAR\r\n") -> str:
    """Return a calendar file."""
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n" + "".join(events) + end


SOUND = event("sound", "DTSTART:20260305T090000Z")
MARS = event("mars", "DTSTART;TZID=Mars/Olympus:20260305T110000")
HALF = "BEGIN:VEVENT\r\nUID:half\r\n"


class Wrong(NamedTuple):
    """A file, what is wrong with it, and how many of its rows are sound."""

    name: str
    text: str
    line: int
    rule: str
    accepted: int = 0


WRONG = {
    "binary": Wrong("a.ics", "\0\1\2\3", 0, "not_text"),
    "empty": Wrong("a.csv", "", 0, "empty_file"),
    "unknown format": Wrong("a.txt", "hello\n", 0, "unknown_format"),
    "half a calendar": Wrong("a.ics", agenda(SOUND, HALF, end=""), 10, "unclosed_component", 1),
    "unknown zone": Wrong("a.ics", agenda(MARS, SOUND), 7, "unknown_zone", 1),
    "half a line": Wrong("a.jsonl", mood(1) + '{"id": "m-2", "ki', 2, "bad_json", 1),
    "naive timestamp": Wrong("a.jsonl", mood(1) + mood(2, at="2026-03-04T08:00:00"), 2, "naive_time", 1),
    "future": Wrong("a.jsonl", mood(1, at="2027-03-04T08:00:00Z") + mood(2), 1, "future_event", 1),
    "not a number": Wrong("a.jsonl", mood(1, value="NaN") + mood(2), 1, "not_finite", 1),
    "nan in a table": Wrong("a.csv", f"time,mood\n{NOW_TEXT},nan\n{NOW_TEXT},4\n", 2, "not_finite", 1),
    "half a task list": Wrong("a.json", '{"items": [{"id": "1", "content": "x"}', 1, "bad_json", 1),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named_by_file_line_and_rule_and_the_rest_is_in(
    oo: CommandLine, tmp_path: Path, wrong: Wrong
) -> None:
    """Exit 0 when something was sound, else 1; the same file again changes nothing."""
    path = tmp_path / wrong.name
    path.write_text(wrong.text, newline="")
    said = oo("import", path, "--json")
    assert said.data == {
        "accepted": wrong.accepted,
        "duplicates": 0,
        "quarantined": [{"file": wrong.name, "line": wrong.line, "rule": wrong.rule}],
        "skipped": {},
    }
    place = f"{wrong.name}, line {wrong.line}: {wrong.rule}: " if wrong.line else f"{wrong.name}: {wrong.rule}: "
    (sentence,) = said.err.splitlines()
    assert sentence.startswith(place)
    assert sentence.endswith(".")
    assert said.code == (0 if wrong.accepted else 1)
    again = oo("import", path, "--json").data
    assert (again["accepted"], again["duplicates"]) == (0, wrong.accepted)


def test_a_folder_a_missing_file_and_one_that_cannot_be_read(
    oo: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is one sentence, and the file beside them is imported."""
    good, locked = tmp_path / "good.jsonl", tmp_path / "locked.jsonl"
    good.write_text(mood(1))
    locked.write_text(mood(2))
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **named: Any) -> Any:  # root may read everything, so a mode does not do
        if path == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    said = oo("import", tmp_path, tmp_path / "nothing.ics", locked, good, "--json")
    assert said.code == 0
    assert said.data["accepted"] == 1
    assert [(row["line"], row["rule"]) for row in said.data["quarantined"]] == [
        (0, "is_a_folder"),
        (0, "missing_file"),
        (0, "unreadable"),
    ]
    assert len(said.err.splitlines()) == 3


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    oo: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is a rule with a name."""
    path = tmp_path / "large.ics"
    path.write_text(agenda(SOUND))
    monkeypatch.setattr(text_files, "MAX_BYTES", 64)
    said = oo("import", path, "--json")
    assert (said.code, said.data["quarantined"][0]["rule"]) == (1, "file_too_large")


def test_a_calendar_of_old_instances_is_read_and_left_out(oo: CommandLine, tmp_path: Path) -> None:
    """A small stand-in for a calendar of 50 MB: what lies outside of the window is counted, not kept."""
    path = tmp_path / "years.ics"
    days = [f"2019{1 + number % 12:02d}05T" for number in range(500)]
    old = "".join(event(f"old-{day}", f"DTSTART:{day}090000Z", f"DTEND:{day}100000Z") for day in days)
    path.write_text(agenda(old, SOUND))
    said = oo("import", path, "--json")
    assert (said.code, said.data["accepted"], said.data["skipped"]) == (0, 1, {"outside_window": 500})


def test_a_length_in_place_of_an_end_keeps_the_window(oo: CommandLine, tmp_path: Path) -> None:
    """Old ones are left out, one that reaches into the window and one whose length cannot be read are not."""
    path = tmp_path / "lengths.ics"
    start, weekly = "DTSTART:20190105T090000Z", "RRULE:FREQ=WEEKLY;UNTIL=20190301T000000Z"
    old = [
        event("hour", start),
        event("weeks", start, "DURATION:P3W"),
        event("series", start, f"DURATION:P1D\r\n{weekly}"),
    ]
    reaching = event("voyage", start, "DURATION:P3000D")
    late = event("late", "DTSTART:20360105T090000Z")
    path.write_text(agenda(*old, reaching, late, event("odd", start, "DURATION:soon"), SOUND), newline="")
    said = oo("import", path, "--json")
    assert (said.code, said.data["accepted"], said.data["skipped"]) == (0, 2, {"outside_window": 4})
    assert [(row["line"], row["rule"]) for row in said.data["quarantined"]] == [(39, "bad_property")]


def test_no_file_at_all_is_a_usage_error(oo: CommandLine) -> None:
    """Exit 2, with the usage."""
    said = oo("import")
    assert said.code == 2
    assert "Usage: oo import" in said.err


def facts(home: Path) -> tuple[int, list[tuple[Any, ...]]]:
    """Return the number of events, and the served rows."""
    with closing(sqlite3.connect(home / "app.db")) as app, closing(sqlite3.connect(home / "online.db")) as online:
        (count,) = app.execute("SELECT count(*) FROM events").fetchone()
        rows = online.execute("SELECT view, event_us, sequence, payload FROM served ORDER BY view").fetchall()
    return count, rows


def test_the_same_file_twice_changes_neither_events_nor_features(
    oo: CommandLine, tmp_path: Path, now: datetime
) -> None:
    """Also hours later, and under another order of files; on another day only that the calendar was read is new."""
    signals, calendar = tmp_path / "a.jsonl", tmp_path / "a.ics"
    signals.write_text("".join(mood(number, value=str(1 + number % 5)) for number in range(20)))
    calendar.write_text(agenda(SOUND))
    assert oo("import", signals, calendar).code == 0
    before = facts(oo.home)
    for hours, news in ((10, 0), (20, 1)):
        oo.at(now + timedelta(hours=hours))
        again = oo("import", calendar, signals, "--json").data
        assert (again["accepted"], again["duplicates"]) == (0, 21)
        assert facts(oo.home)[0] == before[0] + news
        assert (facts(oo.home) == before) is (news == 0)
