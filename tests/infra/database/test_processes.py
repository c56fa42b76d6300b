"""Laws of several processes on one database: the command line, the server and the flows write at once."""

import subprocess
import sys
from pathlib import Path

from data_contracts.features import Source
from data_contracts.identifiers import PersonId
from infra.database.decisions import decisions
from infra.database.engine.database import Database, open_database
from infra.database.events import events
from infra.database.people import people
from tests.infra.database.rows import add_person

EVENTS = """
import sys
from data_contracts.errors import OOError
from data_contracts.identifiers import PersonId
from infra.database.events import events
from infra.database.engine.database import open_database
from tests.infra.database.rows import mood
url, person, name = sys.argv[1:]
database = open_database(url)
for number in range(40):
    with database.unit_of_work() as uow:
        events.append(uow, [mood(PersonId(person), f"{name}-{number}"), mood(PersonId(person), f"shared-{number}")])
        uow.commit()
database.close()
"""

DECISIONS = """
import sys
from data_contracts.identifiers import PersonId
from infra.database.decisions.writer import DecisionWriter
from infra.database.engine.database import open_database
from tests.infra.database.rows import decision
url, person, name = sys.argv[1:]
database = open_database(url)
writer = DecisionWriter(database)
writer.start()
for number in range(60):
    writer.write(decision(PersonId(person), f"{name}-{number}", number, record=b"x" * 9_000))
writer.close()
database.close()
"""

LEDGER = """
import itertools, sys
from data_contracts.identifiers import PersonId
from infra.database.events import events
from infra.database.decisions.writer import DecisionWriter
from infra.database.engine.database import open_database
from tests.infra.database.rows import decision, mood
path, person, name = sys.argv[1:]
database = open_database(path)
writer = DecisionWriter(database)
writer.start()
for number in itertools.count():
    with database.unit_of_work() as uow:
        events.append(uow, [mood(PersonId(person), f"{name}-{number}")])
        uow.commit()
    writer.write(decision(PersonId(person), f"{name}-{number}", number, record=b"x" * 9_000))
    print(f"{name}-{number}", flush=True)
"""

MIGRATE = """
import sys
from infra.database.engine.database import open_database
database = open_database(sys.argv[1])
database.migrate()
print(database.migrate())
database.close()
"""


def _run(url: str, *scripts: tuple[str, ...]) -> list[str]:
    """Run scripts at the same time and return what they said; each must end well."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, url, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for script, *arguments in scripts
    ]
    ended = [(process.communicate(timeout=300), process.returncode) for process in started]
    assert [(error, code) for (_, error), code in ended if code] == []
    return [output for (output, _), _ in ended]


def _url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def test_nothing_is_lost_or_doubled_when_processes_write_at_once(database: Database, person: PersonId) -> None:
    """Two importers with shared events and two servers: every fact once, none refused."""
    add_person(database, person, granted=(Source.MOOD,))
    _run(
        _url(database),
        (EVENTS, person, "one"),
        (EVENTS, person, "two"),
        (DECISIONS, person, "a"),
        (DECISIONS, person, "b"),
    )
    with database.read() as session:
        stored = events.after(session, person, 0, 1_000)
        written = decisions.newest(session, person, 1_000)
    wanted = {f"{name}-{number}" for name in ("one", "two", "shared") for number in range(40)}
    assert sorted(each.event.id for each in stored) == sorted(wanted | {"consent-mood"})
    assert {row.id for row in written} == {f"{name}-{number}" for name in "ab" for number in range(60)}


def test_processes_that_start_together_migrate_once(database: Database, person: PersonId) -> None:
    """Whoever comes second waits and finds the schema up to date."""
    from infra.database.engine.migrations import downgrade  # noqa: PLC0415 - only this test goes back

    with database.unit_of_work() as uow:
        downgrade(uow.session.connection(), "base")
        uow.commit()
    database.close()
    assert _run(_url(database), (MIGRATE,), (MIGRATE,), (MIGRATE,)) == ["False\n"] * 3
    add_person(database, person)
    with database.read() as session:
        assert people.get(session, person).name == "me"


def test_what_was_answered_survives_a_kill(sqlite_path: Path, person: PersonId) -> None:
    """Every decision that `write` returned for and every committed event is there after `kill -9`, none twice."""
    database = open_database(sqlite_path)
    add_person(database, person, granted=(Source.MOOD,))
    for name in ("first", "second"):
        process = subprocess.Popen(
            [sys.executable, "-c", LEDGER, str(sqlite_path), person, name], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        answered = [process.stdout.readline().strip() for _ in range(30)]
        process.kill()
        answered += process.stdout.read().split("\n")[:-1]  # the last line may be cut off
        process.wait()
        process.stdout.close()
        with database.read() as session:
            events_there = {each.event.id for each in events.after(session, person, 0, 100_000)}
            decisions_there = {row.id for row in decisions.newest(session, person, 100_000)}
        assert set(answered) <= decisions_there
        assert set(answered) <= events_there
    database.close()


LAST_ONE_OUT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM people").fetchall()
connection.close()
"""


def test_migrating_beside_open_connections_leaves_them_their_locks(sqlite_path: Path, person: PersonId) -> None:
    """A descriptor of the file that is closed would drop them, and the next process that ends would remove the log."""
    database = open_database(sqlite_path)
    add_person(database, person)
    log = sqlite_path.with_name(f"{sqlite_path.name}-wal")
    before = log.stat().st_ino
    database.migrate()
    subprocess.run([sys.executable, "-c", LAST_ONE_OUT, str(sqlite_path)], check=True)
    assert log.stat().st_ino == before
    database.close()
