"""Laws of the checkpointer."""

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PersonId
from infra.database.engine.database import Database, open_database
from infra.database.maintenance import checkpointer
from infra.database.maintenance.checkpointer import Checkpointer
from tests.infra.database.rows import add_person
from tests.infra.jetstream.mirrors import wait_until


@pytest.fixture
def sqlite(sqlite_path: Path) -> Iterator[Database]:
    """Return a SQLite database with something in its log."""
    database = open_database(sqlite_path)
    add_person(database, PersonId("0" * 32))
    yield database
    database.close()


def _wal(database: Database) -> int:
    return Path(f"{database.path}-wal").stat().st_size


def _checkpointer(database: Database) -> Checkpointer:
    assert database.path is not None
    return Checkpointer(database.path, database.connect_raw, interval_s=0.001)


def test_the_log_is_emptied_when_writing_rests(sqlite: Database) -> None:
    """The first look finds it moving, the second empties it, the third finds nothing to do."""
    keeper = _checkpointer(sqlite)
    assert _wal(sqlite) > 0
    assert [keeper.step() for _ in range(3)] == ["nothing", "truncated", "nothing"]
    assert _wal(sqlite) == 0
    keeper.close()


def test_a_growing_log_is_moved_while_writing_goes_on(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the first size it is moved without waiting; when it became long, writers begin at its start again."""
    keeper = _checkpointer(sqlite)
    monkeypatch.setattr(checkpointer, "PASSIVE_BYTES", 1)
    assert keeper.step() == "passive"
    assert _wal(sqlite) > 0
    add_person(sqlite, PersonId("1" * 32), name="other")
    monkeypatch.setattr(checkpointer, "RESTART_PAGES", 1)
    before = _wal(sqlite)
    assert keeper.step() == "restarted"
    add_person(sqlite, PersonId("3" * 32), name="third")
    assert _wal(sqlite) == before
    keeper.close()


def test_a_reader_blocks_only_the_emptying(sqlite: Database) -> None:
    """While a snapshot is open the log stays; the next look after it ends empties it."""
    keeper = _checkpointer(sqlite)
    with sqlite.read() as session:
        session.connection().exec_driver_sql("SELECT count(*) FROM people")
        add_person(sqlite, PersonId("2" * 32), name="other")
        keeper.step()
        assert keeper.step() == "blocked"
    assert keeper.step() == "truncated"
    keeper.close()


def test_one_process_checkpoints_and_another_takes_over(sqlite: Database) -> None:
    """The second waits until the first has ended."""
    first, second = _checkpointer(sqlite), _checkpointer(sqlite)
    first.step()
    assert (second.step(), first.owns, second.owns) == ("waited", True, False)
    assert first.ping().startswith("this process")
    assert second.ping().startswith("another process")
    first.close()
    second.step()
    assert second.owns
    second.close()


def test_a_failing_checkpointer_says_so_gives_its_lock_up_and_goes_on(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file descriptor to open the database, another process may take over; afterwards the log shrinks."""
    first, second = _checkpointer(sqlite), _checkpointer(sqlite)
    assert first.step() == "nothing"
    assert first.owns
    with monkeypatch.context() as patch:
        patch.setattr(first, "_connect", lambda: sqlite3.connect("/absent/app.db"))
        first.start()
        wait_until(lambda: not first.owns)
        with pytest.raises(Unavailable, match=r"failing for \d+ s, \d+ times: OperationalError"):
            first.ping()
        assert second.step() == "nothing"
        assert second.owns
        second.close()
    add_person(sqlite, PersonId("4" * 32), name="later")
    wait_until(lambda: _wal(sqlite) == 0)
    wait_until(lambda: _works(first))
    first.close()


def _works(keeper: Checkpointer) -> bool:
    """Whether the last step has succeeded; the log shrinks a moment before."""
    with suppress(Unavailable):
        return "worked" in keeper.ping()
    return False


def test_a_log_that_became_long_is_cut_while_writing_goes_on(sqlite: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a constant load would keep the size that a full disk brought about."""
    keeper = _checkpointer(sqlite)
    for name in ("PASSIVE_BYTES", "RESTART_PAGES", "LONG_BYTES"):
        monkeypatch.setattr(checkpointer, name, 1)
    assert keeper.step() == "restarted"
    assert _wal(sqlite) == 0
    keeper.close()
