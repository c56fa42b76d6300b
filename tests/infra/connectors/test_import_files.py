"""The same file twice changes nothing, a changed row is news, and words come back by subject."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from data_contracts.events.codec import Event, encode
from data_contracts.events.oo.events.v1 import signals_pb2
from data_contracts.identifiers import PersonId, SubjectKey, to_us
from infra.connectors.connector import Parsed
from infra.connectors.import_files import Batch, ImportReport, digest_of, read_files, tidy, titles_of
from infra.connectors.reconciliation import Known, restored, subject_of, vanished
from tests.infra.connectors.conftest import GOLDEN, Keys

SOUND = sorted(path for path in GOLDEN.iterdir() if not path.name.endswith(".expected.json"))


class Importer:
    """An ingest flow in memory: appends by id, and reconciles as the flow does."""

    def __init__(self, person: PersonId, zone: ZoneInfo, vault: Keys) -> None:
        self.person, self.zone, self.vault = person, zone, vault
        self.events: dict[str, Event] = {}

    def batches(self, path: Path, now: datetime) -> Iterator[Batch]:
        """Read one file."""
        return read_files([path], person=self.person, vault=self.vault, zone=self.zone, now=now)

    def run(self, path: Path, now: datetime) -> ImportReport:
        """Import one file and return the report."""

        def key(kind: str, native: str) -> SubjectKey:
            return self.vault.subject_key(self.person, kind, native)

        known, named, report = Known.of(self.events.values()), set(), ImportReport()
        for batch in self.batches(path, now):
            events = [restored(row.event, known, now=now, subject_key=key) for row in batch.parsed]
            named |= {subject_of(event) for event in events}
            new = [event for event in events if event.id not in self.events]
            self.events |= {event.id: event for event in new}
            report = report.plus(accepted=len(new), duplicates=len(events) - len(new), batch=batch)
        if not report.quarantined:
            for gone in vanished(known, named, now=now, subject_key=key):
                self.events[gone.id] = gone
        return report

    def states(self) -> dict[str, Event]:
        """Return the newest event per subject."""
        return Known.of(self.events.values()).newest


@pytest.fixture
def importer(person: PersonId, zone: ZoneInfo, vault: Keys) -> Importer:
    """Return an ingest flow that has seen nothing."""
    return Importer(person, zone, vault)


@pytest.mark.parametrize("path", SOUND, ids=lambda path: path.name)
def test_the_same_file_twice_yields_only_duplicates(path: Path, importer: Importer, now: datetime) -> None:
    """Also hours later, when the window has moved a little."""
    first = importer.run(path, now)
    again = importer.run(path, now + timedelta(minutes=90))
    assert first.accepted > 0
    assert (again.accepted, again.duplicates) == (0, first.accepted + first.duplicates)
    assert [(row.line, row.rule) for row in again.quarantined] == [(row.line, row.rule) for row in first.quarantined]


def test_one_changed_task_is_one_new_event(tmp_path: Path, importer: Importer, now: datetime) -> None:
    """The others are duplicates."""
    path = tmp_path / "export.csv"
    text = (GOLDEN / "export.csv").read_bytes().decode()
    path.write_text(text, newline="")
    count = importer.run(path, now).accepted
    path.write_text(text.replace("Water the plants,,4", "Water the plants,,1"), newline="")
    report = importer.run(path, now + timedelta(hours=1))
    assert (report.accepted, report.duplicates) == (1, count - 1)


def test_a_task_that_was_changed_and_changed_back_ends_as_it_is_now(
    tmp_path: Path, importer: Importer, now: datetime
) -> None:
    """Words that were imported before are news when something else came between."""
    path = tmp_path / "tasks.csv"
    for hours, priority in enumerate((3, 1, 3, 3)):
        path.write_text(f"TYPE,CONTENT,PRIORITY\ntask,Call,{priority}\n")
        report = importer.run(path, now + timedelta(hours=hours))
        assert report.accepted == (0 if hours == 3 else 1)
        (state,) = importer.states().values()
        assert state.task_changed.priority == priority


def test_what_a_file_names_no_more_is_gone_and_can_come_back(tmp_path: Path, importer: Importer, now: datetime) -> None:
    """A deleted meeting keeps nobody busy."""
    path = tmp_path / "home.ics"
    event = (
        "BEGIN:VEVENT\nUID:{0}\nDTSTART:20260305T100000Z\nDTEND:20260305T110000Z\n"
        "LAST-MODIFIED:20260301T100000Z\nEND:VEVENT\n"
    )
    for hours, (names, busy) in enumerate((("ab", 2), ("a", 1), ("ab", 2), ("", 0))):
        body = "".join(event.format(name) for name in names)
        path.write_text(f"BEGIN:VCALENDAR\n{body}END:VCALENDAR\n")
        importer.run(path, now + timedelta(hours=hours))
        states = importer.states().values()
        assert sum(state.event_scheduled.busy and not state.event_scheduled.cancelled for state in states) == busy


def test_an_open_task_that_vanished_is_deleted(tmp_path: Path, importer: Importer, now: datetime) -> None:
    """A task that its source forgot is not suggested."""
    path = tmp_path / "tasks.json"
    path.write_text('[{"id": "1", "content": "Call"}, {"id": "2", "content": "Write"}]')
    importer.run(path, now)
    path.write_text('[{"id": "1", "content": "Call"}]')
    importer.run(path, now + timedelta(hours=1))
    states = sorted(state.task_changed.state for state in importer.states().values())
    assert states == [signals_pb2.TASK_STATE_OPEN, signals_pb2.TASK_STATE_DELETED]


def test_ids_differ_between_two_people(importer: Importer, zone: ZoneInfo, vault: Keys, now: datetime) -> None:
    """The same file of two people shows nothing in common."""
    other = Importer(PersonId("another"), zone, vault)
    path = GOLDEN / "sync.json"
    importer.run(path, now)
    other.run(path, now)
    assert not importer.events.keys() & other.events.keys()
    assert not importer.states().keys() & other.states().keys()


def test_batches_hold_at_most_500_rows_of_one_file(
    tmp_path: Path, person: PersonId, zone: ZoneInfo, vault: Keys, now: datetime
) -> None:
    """Each append is short, and the last batch of a file says so."""
    path = tmp_path / "mood.csv"
    start = now - timedelta(days=20)
    rows = (f"{start + timedelta(minutes=10 * row):%Y-%m-%dT%H:%M:%S}Z,{1 + row % 5}\n" for row in range(1_201))
    path.write_text("at,mood\n" + "".join(rows))
    batches = list(read_files([path, tmp_path], person=person, vault=vault, zone=zone, now=now))
    assert [(len(batch.parsed), len(batch.refused), batch.last) for batch in batches] == [
        (500, 0, False),
        (500, 0, False),
        (201, 0, True),
        (0, 1, True),
    ]


def test_no_event_holds_a_word_of_its_source_and_none_lies_in_the_future(importer: Importer, now: datetime) -> None:
    """Titles stay at their source."""
    words = [b"standup", b"Stand-up", b"report", b"golden", b"Call", b"Read", b"Buy milk"]
    for path in SOUND:
        importer.run(path, now)
    for event in importer.events.values():
        payload = encode(event)
        assert not [word for word in words if word in payload]
        assert event.at_us <= to_us(now)


def test_words_come_back_by_subject(importer: Importer, vault: Keys, now: datetime, tmp_path: Path) -> None:
    """The titles of each task are read again; a vanished file is counted."""
    paths = [*SOUND, tmp_path / "gone.ics"]
    words = titles_of(paths, person=importer.person, vault=vault, zone=importer.zone, now=now)
    assert words.vanished == 1
    assert {
        "Write report",
        "Read",
        "Stand-up, later",
        "A vendor's zone, folded over two lines",
        "Buy milk",
        "Run",
    } <= set(words.by_subject.values())
    for path in SOUND:
        importer.run(path, now)
    tasks = {subject for subject, event in importer.states().items() if event.WhichOneof("body") == "task_changed"}
    assert tasks <= words.by_subject.keys() | {""}


def test_a_report_names_places_and_rules_and_no_words(importer: Importer, now: datetime) -> None:
    """A report can be printed."""
    report = importer.run(GOLDEN / "sync.json", now)
    told = report.as_json()
    assert told["accepted"] == 7
    assert {"file": "sync.json", "line": 12, "rule": "unknown_zone"} in json.loads(json.dumps(told))["quarantined"]
    assert not any(row.raw for row in report.quarantined)


def test_what_an_export_holds_besides_tasks_is_counted(importer: Importer, now: datetime) -> None:
    """Nothing is left out without a name."""
    report = importer.run(GOLDEN / "export.csv", now)
    assert report.skipped == {
        "todoist_meta": 1,
        "todoist_section": 1,
        "todoist_note": 1,
        "todoist_other": 1,
        "todoist_relative_date": 1,
    }


def test_the_order_of_files_is_of_no_consequence(person: PersonId, zone: ZoneInfo, vault: Keys, now: datetime) -> None:
    """Ids depend on content alone."""
    shuffled = list(reversed(SOUND))
    made = [
        {
            row.event.id
            for batch in read_files(paths, person=person, vault=vault, zone=zone, now=now)
            for row in batch.parsed
        }
        for paths in (SOUND, shuffled)
    ]
    assert made[0] == made[1]


def test_a_digest_knows_the_same_bytes(tmp_path: Path) -> None:
    """The name of the file does not matter."""
    copy = tmp_path / "copy.csv"
    copy.write_bytes((GOLDEN / "habits.csv").read_bytes())
    assert digest_of(copy) == digest_of(GOLDEN / "habits.csv") != digest_of(GOLDEN / "mood.csv")


def test_a_title_is_one_printable_line() -> None:
    """Nothing in a title can break a page or a terminal."""
    assert tidy("  two\nlines\u202e \x07 ") == "two lines"
    assert len(tidy("x" * 5_000)) == 200


def test_parsed_rows_know_their_place(importer: Importer, now: datetime) -> None:
    """What validation refuses later can still be named by file and line."""
    (batch,) = importer.batches(GOLDEN / "mood.csv", now)
    row = batch.parsed[0]
    assert isinstance(row, Parsed)
    assert (row.file, row.line) == ("mood.csv", 2)
    assert row.raw.startswith("2026-03-01T08:00")
