"""Laws of durable files, locks and SQLite files."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from data_contracts.errors import DamagedStore
from feature_repo.online.sqlite_file import OnlineFile
from infra.database.engine.database import open_database
from infra.storage import files, sqlite
from infra.storage.locks import locked


def _said(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def test_every_file_of_a_home_is_opened_alike(tmp_path: Path) -> None:
    """Only what can be made again may lose its newest commits in a power cut."""
    names = ("journal_mode", "wal_autocheckpoint", "secure_delete", "temp_store", "foreign_keys", "busy_timeout")
    database, online = open_database(tmp_path / "app.db"), OnlineFile(tmp_path / "online.db")
    with closing(online), closing(database), closing(database.connect_raw()) as app, closing(online.connect()) as other:
        told = [[_said(connection, name) for name in names] for connection in (app, other)]
        assert told == [["wal", 0, 1, 2, 1, 5_000]] * 2
        assert [_said(connection, "synchronous") for connection in (app, other)] == [2, 1]
        assert [_said(connection, "page_size") for connection in (app, other)] == [4_096, 8_192]


def test_a_damaged_file_is_told_from_a_busy_one() -> None:
    """Damage has its remedy; a lock that is held passes."""
    with (
        pytest.raises(DamagedStore, match=r"a\.db is damaged .*; call Ana"),
        sqlite.refusing_damage(Path("a.db"), "call Ana"),
    ):
        raise sqlite3.DatabaseError("malformed")
    with pytest.raises(sqlite3.OperationalError), sqlite.refusing_damage(Path("a.db"), "call Ana"):
        raise sqlite3.OperationalError("locked")


def test_a_checkpoint_says_what_it_moved(tmp_path: Path) -> None:
    """All of the log, or what a reader leaves."""
    with closing(sqlite.open_file(tmp_path / "a.db", sqlite.pragmas("NORMAL"))) as writer:
        writer.execute("CREATE TABLE numbers (number INTEGER)")
        with closing(sqlite.open_file(tmp_path / "a.db", sqlite.pragmas("NORMAL"))) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM numbers").fetchall()
            writer.execute("INSERT INTO numbers VALUES (1)")
            writer.execute("PRAGMA busy_timeout=1")
            assert not sqlite.checkpoint(writer).complete
        assert sqlite.checkpoint(writer).complete


def test_an_adopted_file_is_durable_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes first, then the name, then the folder."""
    finished, path = tmp_path / "new.tmp", tmp_path / "name"
    finished.write_bytes(b"new")
    steps: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda _: steps.append(path.exists()))
    files.adopt(finished, path)
    assert steps == [False, True]
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("shared", [True, False])
def test_a_lock_excludes_who_wants_it_alone(tmp_path: Path, *, shared: bool) -> None:
    """Two that share hold it at once; a third waits for both."""
    taken = threading.Event()

    def take() -> None:
        with locked(tmp_path, shared=shared):
            taken.set()

    with locked(tmp_path, shared=True):
        other = threading.Thread(target=take)
        other.start()
        assert taken.wait(5.0 if shared else 0.05) is shared
    other.join()
    assert taken.is_set()
