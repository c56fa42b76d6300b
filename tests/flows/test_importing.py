"""Laws of importing files."""

import json
from datetime import timedelta
from pathlib import Path

from data_contracts.events.codec import Event, kind
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, to_us
from data_contracts.signals.kinds import SIGNALS
from flows.context import FlowContext, OpenedContext
from flows.ingest.importing import CONSENT_MISSING, great_expectations_gate, import_files
from infra.connectors.import_files import ImportReport
from infra.database.events import events, quarantine
from infra.database.people import consents, source_files
from tests.flows import people
from tests.flows.people import later

MOOD = '{"id": "m-%d", "kind": "mood_reported", "at": "2026-03-0%dT08:00:00Z", "source": "s", "data": {"mood": %d}}\n'
MOODS = "".join(MOOD % (day, day, day) for day in range(1, 4))
BROKEN = '{"id": "m-9", "kind": "mood_reported", "at": "2026-03-01T09:00:00Z", "source": "s", "data": {"mood": 9}}\n'


def lines(home: Path, text: str, name: str = "signals.jsonl") -> Path:
    """Write a file of signals."""
    path = home / name
    path.write_text(text)
    return path


def test_the_sound_part_is_imported_and_the_rest_is_named_and_sealed(
    context: FlowContext, person: PersonId, home: Path
) -> None:
    """One broken line costs one line, and its words can be opened by the vault alone."""
    path = lines(home, MOODS + BROKEN)
    report = import_files(context, person, [path])
    assert report.as_json() == {
        "accepted": 3,
        "duplicates": 0,
        "quarantined": [{"file": "signals.jsonl", "line": 4, "rule": "out_of_range"}],
        "skipped": {},
    }
    with context.database.read() as session:
        (row,) = quarantine.list_for(session, person)
        (file,) = source_files.list_for(session, context.vault, person)
    assert b"mood" not in row.box
    assert b"m-9" in context.vault.open(person, quarantine.field_of(row.id), row.box)
    assert file.path == str(path)
    assert context.online.read(person).row.mood.mood == (3, 2, 1)


def test_the_same_file_twice_changes_nothing(context: FlowContext, person: PersonId, home: Path) -> None:
    """Ids are functions of the content."""
    path = lines(home, MOODS + BROKEN)
    import_files(context, person, [path])
    again = import_files(context, person, [path])
    assert (again.accepted, again.duplicates) == (0, 3)
    with context.database.read() as session:
        assert len(quarantine.list_for(session, person)) == 1


def test_without_consent_nothing_is_kept(context: FlowContext, person: PersonId, home: Path) -> None:
    """Neither the event nor the raw line, only the count."""
    with context.database.unit_of_work() as uow:
        consents.change(
            uow,
            event_id="no",
            person=person,
            signal=Source.MOOD,
            granted=False,
            at_us=to_us(context.clock()),
            surface="t",
        )
        uow.commit()
    report = import_files(context, person, [lines(home, MOODS)])
    assert [row.rule for row in report.quarantined] == [CONSENT_MISSING] * 3
    with context.database.read() as session:
        assert quarantine.list_for(session, person) == []
        assert [each for each in events.after(session, person, 0, 99) if each.event.WhichOneof("body") in SIGNALS] == []


def test_a_file_that_cannot_be_read_is_one_sentence(context: FlowContext, person: PersonId, home: Path) -> None:
    """A folder and a missing file are named, and the file beside them is imported."""
    report = import_files(context, person, [home, home / "nothing.ics", lines(home, MOODS)])
    assert [row.rule for row in report.quarantined] == ["is_a_folder", "missing_file"]
    assert report.accepted == 3


def test_the_gate_refuses_what_a_connector_got_wrong(context: FlowContext, person: PersonId, home: Path) -> None:
    """Rows that the validation finds are quarantined under its rule, the others go on."""
    report = import_files(
        context, person, [lines(home, MOODS)], gate=lambda batch: {1: "out_of_range"} if batch else {}
    )
    assert report.accepted == 2
    assert [(row.line, row.rule) for row in report.quarantined] == [(2, "out_of_range")]


def test_the_gate_knows_rows_over_all_kinds(person: PersonId) -> None:
    """Positions are those of the batch."""
    batch: list[Event] = [people.mood(person, 1), people.task(person, 1, 1), people.mood(person, 2, 77)]
    assert great_expectations_gate(batch) == {2: "out_of_range"}


def test_a_task_that_a_file_names_no_more_is_taken_back(context: FlowContext, person: PersonId, home: Path) -> None:
    """A snapshot of tasks is the whole truth of its source."""
    path = home / "tasks.json"
    tasks = [
        {"id": str(n), "content": f"task {n}", "priority": 4, "added_at": "2026-02-01T08:00:00Z"} for n in range(3)
    ]
    path.write_text(json.dumps({"items": tasks}))
    import_files(context, person, [path])
    assert context.online.read(person).row.tasks.open_count == 3
    path.write_text(json.dumps({"items": tasks[1:]}))
    import_files(context, person, [path])
    assert context.online.read(person).row.tasks.open_count == 2


TASK = {"id": "1", "content": "task", "priority": 4, "added_at": "2026-02-01T08:00:00Z"}


def snapshot(home: Path, *tasks: object) -> Path:
    """Write a file that is the whole truth of its source."""
    path = home / "tasks.json"
    path.write_text(json.dumps({"items": tasks}))
    return path


def readings(context: FlowContext, person: PersonId) -> int:
    """Return how often it was noted that the tasks were read completely."""
    with context.database.read() as session:
        return [kind(each.event) for each in events.after(session, person, 0, 99)].count("tasks_synced")


def test_reading_an_unchanged_file_on_another_day_renews_its_age(
    context: OpenedContext, person: PersonId, home: Path
) -> None:
    """Within a day the same file twice changes nothing; a day later the age alone is new, and no row is counted."""
    path = snapshot(home, TASK)
    first = import_files(context, person, [path])
    again = import_files(context, person, [path])
    assert (first.accepted, again, readings(context, person)) == (1, ImportReport(duplicates=1), 1)
    before = context.online.read(person).row.tasks
    tomorrow = later(context, 1)
    assert import_files(tomorrow, person, [path]) == again
    assert readings(context, person) == 2
    after = context.online.read(person).row.tasks
    assert after == before._replace(last_us=to_us(tomorrow.clock()))
    assert tomorrow.clock() - context.clock() == timedelta(days=1)


def test_a_source_that_was_not_read_to_its_end_keeps_its_age(
    context: FlowContext, person: PersonId, home: Path
) -> None:
    """A row that was refused, or a withdrawn consent: nobody may say that all of it still holds."""
    import_files(context, person, [snapshot(home, TASK, {"id": "2", "content": "", "priority": 99})])
    assert readings(context, person) == 0
    import_files(context, person, [snapshot(home)])
    assert readings(context, person) == 1


def test_a_log_that_is_read_again_is_not_fresher_for_it(context: FlowContext, person: PersonId, home: Path) -> None:
    """An old mood does not become a new one."""
    import_files(context, person, [lines(home, MOODS)])
    assert readings(context, person) == 0
    assert context.online.read(person).row.mood.last_us < to_us(context.clock())
