"""A file that cannot be read is one clear sentence, and what is sound in a broken one is imported."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts.signals.kinds import RULES
from infra.connectors.connector import FILE_RULES, FileRefused, Parsed, ReadContext, Refused
from infra.connectors.registry import FILE_CONNECTORS, connector_for
from tests.infra.connectors.conftest import GOLDEN, ReadAll

SUFFIXES = (".ics", ".json", ".jsonl", ".csv", ".txt", "")
SOUND = sorted(path for path in GOLDEN.iterdir() if not path.name.endswith(".expected.json"))
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("nothing.ics", b"", "empty_file"),
        ("blank.csv", b"\xef\xbb\xbf \n\n", "empty_file"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not_text"),
        ("wide.csv", "at,mood\n".encode("utf-16"), "not_text"),
        ("prose.txt", b"Dear diary", "unknown_format"),
        ("prose.ics", b"Dear diary", "not_icalendar"),
        ("cut.json", b'{"items', "bad_json"),
        ("other.json", b'{"name": "oo"}', "not_a_task_list"),
        ("twice.csv", b"at,mood,mood\n", "bad_header"),
        ("times.csv", b"at,colour\n", "unknown_format"),
    ],
)
def test_a_file_that_tells_nothing_is_refused_whole(
    name: str, content: bytes, rule: str, tmp_path: Path, read_all: ReadAll
) -> None:
    """The sentence names the file and the rule."""
    path = tmp_path / name
    path.write_bytes(content)
    (row,) = read_all(path)
    assert isinstance(row, Refused)
    assert (row.file, row.rule) == (name, rule)
    assert name in row.message
    assert FILE_RULES[rule] in row.message


def test_a_folder_a_missing_file_and_a_pipe_are_refused(tmp_path: Path, read_all: ReadAll) -> None:
    """Nothing waits and nothing raises."""
    os.mkfifo(tmp_path / "pipe.csv")
    rules = [
        row.rule
        for path in ("", "gone.ics", "pipe.csv", "a\0b")
        for row in read_all(tmp_path / path)
        if isinstance(row, Refused)
    ]
    assert rules == ["is_a_folder", "missing_file", "not_a_file", "unreadable"]


def test_a_byte_that_is_no_text_costs_its_own_row_only(tmp_path: Path, read_all: ReadAll) -> None:
    """The row below it is imported."""
    path = tmp_path / "habits.csv"
    path.write_bytes(b"at,habit\n2026-03-01T07:00:00Z,L\xe4sen\n2026-03-01T07:00:00Z,L\xc3\xa4sen\n")
    refused, parsed = read_all(path)
    assert isinstance(refused, Refused)
    assert (refused.line, refused.rule) == (2, "invalid_utf8")
    assert isinstance(parsed, Parsed)


def test_a_character_folded_in_two_is_whole_again(tmp_path: Path, context: ReadContext) -> None:
    """Some clients fold lines by bytes."""
    path = tmp_path / "folded.ics"
    path.write_bytes(
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20260304T100000Z\r\n"
        b"SUMMARY:M\xc3\r\n \xbcller\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    ((_, title),) = connector_for(path).titles(path, context)
    assert title == "Müller"


@pytest.mark.parametrize("name", ["half.json", "half.jsonl"])
def test_half_a_character_in_an_id_costs_its_own_row_only(
    name: str, tmp_path: Path, context: ReadContext, read_all: ReadAll
) -> None:
    """JSON can spell it; the words of the other rows are still found."""
    data = r'{"task": "%s", "title": "Water", "state": "open"}'
    line = r'{"id": "%s", "kind": "task_changed", "at": "2026-03-04T12:00:00Z", "source": "x", "data": ' + data + "}\n"
    task = r'{"id": "%s", "content": "Water"}'
    path = tmp_path / name
    lines = line % ("a", r"\ud83d") + line % ("b", "whole")
    path.write_text(lines if name.endswith("l") else "[" + task % r"\ud83d" + ",\n" + task % "whole" + "]")
    refused, parsed = read_all(path)
    assert isinstance(refused, Refused)
    assert refused.rule == "bad_text"
    assert isinstance(parsed, Parsed)
    assert (parsed.event.task_changed.task, "Water") in list(connector_for(path).titles(path, context))


def test_a_cut_calendar_gives_what_stands_before_the_cut(tmp_path: Path, read_all: ReadAll) -> None:
    """Only the component that the cut went through is refused."""
    text = (GOLDEN / "recurrences.ics").read_text()
    path = tmp_path / "cut.ics"
    path.write_text(text[: text.index("UID:weekly@golden\nRECURRENCE-ID")])
    rows = read_all(path)
    refused = [row for row in rows if isinstance(row, Refused)]
    assert [row.rule for row in refused] == ["unclosed_component"]
    assert len(rows) > len(refused)


def test_quarantine_keeps_the_words_and_the_message_does_not(tmp_path: Path, read_all: ReadAll) -> None:
    """Messages can be logged, raw rows are sealed."""
    path = tmp_path / "habits.csv"
    path.write_text("at,habit\nyesterday,a secret\n")
    (row,) = read_all(path)
    assert isinstance(row, Refused)
    assert "secret" in row.raw
    assert "secret" not in row.message


def test_more_instances_than_a_life_has_are_cut_with_one_sentence(
    read_all: ReadAll, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time and the memory of an import are bounded."""
    monkeypatch.setattr("infra.connectors.calendars.ics_files.MAX_INSTANCES", 3)
    rows = read_all(GOLDEN / "recurrences.ics")
    assert [row.rule for row in rows if isinstance(row, Refused)] == ["too_many_events"]
    assert len(rows) == 4


@given(content=st.binary(max_size=400), suffix=st.sampled_from(SUFFIXES))
@FUZZ
def test_random_bytes_never_raise_anything_but_one_refusal(
    content: bytes, suffix: str, tmp_path: Path, context: ReadContext
) -> None:
    """Whatever the bytes and whatever the name."""
    path = tmp_path / f"random{suffix}"
    path.write_bytes(content)
    _read_whatever(path, context)


@given(data=st.data(), path=st.sampled_from(SOUND))
@FUZZ
def test_a_damaged_file_never_raises_anything_but_one_refusal(
    data: st.DataObject, path: Path, tmp_path: Path, context: ReadContext
) -> None:
    """Damage in a sound file reaches further into the parsers than noise."""
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content)))
        cut = data.draw(st.integers(0, 12))
        content[at : at + cut] = data.draw(
            st.sampled_from([b"", b"\n", b'"', b"0", b"-9", b":", b";", b"9999", b"{", b"\xff", b"BEGIN:VEVENT\n"])
            | st.binary(max_size=4)
        )
    damaged = tmp_path / f"damaged{path.suffix}"
    damaged.write_bytes(content)
    _read_whatever(damaged, context)


def _read_whatever(path: Path, context: ReadContext) -> None:
    """Read by the connector that the file asks for and by every other one."""
    for connector in FILE_CONNECTORS:
        try:
            rows = list(connector.read(path, context))
            list(connector.titles(path, context))
        except FileRefused as error:
            assert error.refused.rule in FILE_RULES  # noqa: PT017 - a refusal is one of two good outcomes
            continue
        for row in rows:
            assert isinstance(row, Parsed) or row.rule in FILE_RULES.keys() | RULES.keys()
