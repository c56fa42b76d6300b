"""Nothing that was acknowledged is lost when the power fails, and a fault that loses nothing is no fault."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults import power_loss
from tests.faults.power_loss import Disk
from tests.faults.power_runs import power_run
from tests.source_tree import CHECKOUT

FILES = """
import os, sys
from pathlib import Path
from infra.storage.files import append_line, create_once, replace, sync
home = Path(sys.argv[1])

def written(name, text):
    (home / name).write_text(text)
    sync(home / name)

written("old", "old")
written("renamed.tmp", "x")
(home / "unsynced").write_text("gone")
sync(home)
with (home / "old").open("a") as file:
    file.write(" and new")
create_once(home / "key", b"secret")
replace(home / "state", b"first")
replace(home / "state", b"second")
append_line(home / "lines", "one")
append_line(home / "lines", "two")
written("nameless", "its folder is not synced")
(home / "renamed.tmp").rename(home / "renamed")
os.kill(os.getpid(), 9)
"""
ROWS = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1] + "/rows.db", isolation_level=None)
connection.execute("PRAGMA journal_mode=WAL")
connection.execute(f"PRAGMA synchronous={sys.argv[2]}")
connection.execute("PRAGMA wal_autocheckpoint=0")
connection.execute("CREATE TABLE rows (number INTEGER)")
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
for number in range(50):
    connection.execute("INSERT INTO rows VALUES (?)", (number,))
os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the library; without a C compiler only `kill -9` is tested (tests/faults/test_faults.py)."""
    if power_loss.compiler() is None:
        pytest.skip("there is no C compiler on this machine, or it is not Linux; power loss is not simulated here")
    return power_loss.compiled(tmp_path_factory.mktemp("power"))


def after_the_cut(program: str, disk: Disk, *arguments: str, seed: int | None = None) -> Path:
    """Let a program write until it is killed, then lose the power."""
    disk.watch()
    command = [sys.executable, "-c", program, str(disk.folder), *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **disk.environment}, check=False)
    assert done.returncode == -9
    disk.cut(seed)
    return disk.folder


def test_what_was_not_synced_is_gone_and_what_was_is_there(library: Path, home: Path) -> None:
    """Bytes live by the sync of their file, names by that of their folder; our own durable files survive."""
    left = after_the_cut(FILES, Disk(home, library))
    assert {path.name: path.read_text() for path in left.iterdir()} == {
        "old": "old",
        "unsynced": "",
        "renamed.tmp": "x",
        "key": "secret",
        "state": "second",
        "lines": "one\ntwo\n",
    }


@pytest.mark.parametrize(("synchronous", "rows"), [("NORMAL", 0), ("FULL", 50)])
def test_only_full_synchronisation_keeps_what_sqlite_committed(
    synchronous: str, rows: int, library: Path, home: Path
) -> None:
    """The same fifty commits are all there or all gone, by one setting."""
    left = after_the_cut(ROWS, Disk(home, library), synchronous)
    with closing(sqlite3.connect(left / "rows.db")) as connection:
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (rows,)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_disk_that_kept_some_pages_leaves_a_sound_database(seed: int, library: Path, home: Path) -> None:
    """Commits that were not synced are there up to one and gone from there on, and the structure is whole."""
    disk = Disk(home, library)
    left = after_the_cut(ROWS, disk, "NORMAL", seed=seed)
    assert disk.dropped_pages
    assert disk.lucky_pages
    with closing(sqlite3.connect(left / "rows.db")) as connection:
        numbers = [row[0] for row in connection.execute("SELECT number FROM rows ORDER BY number")]
        assert numbers == list(range(len(numbers)))
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.processes
def test_a_power_loss_loses_nothing_that_was_acknowledged(library: Path, tmp_path: Path) -> None:
    """The real api under load loses its power and the mirror its newest seconds; the mirror is refilled by itself."""
    report = power_run(tmp_path, library, rounds=1, seed=5, processor=False)
    assert report.sound, report.as_json()
    assert report.dropped_pages > 0
    assert sum(report.mirror_lost) > 0
