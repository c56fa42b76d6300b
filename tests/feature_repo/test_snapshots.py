"""Laws of snapshots: whole or absent, one writer at a time, and nobody stays who is forgotten."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_contracts.errors import Malformed
from data_contracts.events.codec import StoredEvent
from feature_repo.history.snapshots import MANIFEST, Snapshots
from tests.oo.canaries import found_in

DAY = "2026-03-04"
KILLED = """
import os, signal, sys
from pathlib import Path
from feature_repo.history import parquet_parts, snapshots
from tests.feature_repo.test_snapshots import DAY, event
step, root = sys.argv[1:]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "parts":
    parquet_parts.adopt = die
else:
    snapshots.Snapshots._replace = die
store = snapshots.Snapshots(Path(root))
with store.writing():
    store.write(DAY, [[event(f"p{n}", n) for n in range(1, 90)]])
"""


def event(person: str, sequence: int) -> StoredEvent:
    """Return a row of the event table."""
    return StoredEvent(person, sequence, f"e{sequence}", "mood_reported", 1, 1, "s", f"payload {person}".encode())


def write(store: Snapshots, *events: StoredEvent, day: str = DAY) -> None:
    """Write one day's snapshot."""
    with store.writing():
        store.write(day, [list(events)])


@pytest.fixture
def store(home: Path) -> Snapshots:
    """Return snapshots of forty people."""
    made = Snapshots(home / "snapshots")
    write(made, *(event(f"person{number}", number) for number in range(1, 41)))
    return made


def test_what_was_written_is_read_back(store: Snapshots) -> None:
    """As a whole in order, or of one person."""
    assert [row.sequence for row in store.read(DAY)] == list(range(1, 41))
    assert store.read(DAY, "person7") == [event("person7", 7)]
    assert store.read("2026-03-05") == []


@pytest.mark.parametrize("step", ["parts", "manifest"])
def test_a_writer_that_is_killed_leaves_the_snapshot_before_it(store: Snapshots, step: str) -> None:
    """The older one is valid as it was, and the next writer removes what the killed one left."""
    before = store.days()
    command = [sys.executable, "-c", KILLED, step, str(store.root)]
    killed = subprocess.run(command, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())})
    assert killed.returncode == -signal.SIGKILL
    assert store.days() == before
    assert [row.sequence for row in store.read(DAY)] == list(range(1, 41))
    left = sum(path.is_file() for path in store.root.rglob("*"))
    with store.writing():
        assert sum(path.is_file() for path in store.root.rglob("*")) < left
    assert len(store.read(DAY)) == 40


def test_two_writers_at_once_take_turns(home: Path) -> None:
    """The outcome is the snapshot of one of them, whole."""
    root = home / "snapshots"

    def attempt(number: int) -> None:
        write(Snapshots(root), *(event(f"person{n}", number * 100 + n) for n in range(1, 41)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(attempt, range(8)))
    read = [row.sequence for row in Snapshots(root).read(DAY)]
    assert read == list(range(read[0], read[0] + 40))
    (manifest,) = Snapshots(root).days().values()
    parts = {path.relative_to(root / DAY).as_posix() for path in root.rglob("*.parquet")}
    assert parts == set(manifest.parts)


def test_a_forgotten_person_is_in_no_byte_and_the_others_stay(store: Snapshots) -> None:
    """Also when somebody was killed while they wrote about them."""
    write(store, event("person7", 50), day="2026-03-05")
    (store.root / DAY / "bucket=00").mkdir(exist_ok=True)
    (store.root / DAY / "bucket=00" / "left.tmp").write_bytes(b"payload person7")
    store.forget("person7")
    assert found_in(store.root, ["person7"]) == set()
    assert [row.sequence for row in store.read(DAY)] == [n for n in range(1, 41) if n != 7]
    assert store.read("2026-03-05") == []


@pytest.mark.parametrize("suffix", [".parquet", ".json"])
def test_what_is_damaged_is_refused_and_an_erasure_removes_it(store: Snapshots, suffix: str) -> None:
    """Nothing damaged is read silently, and nothing damaged keeps a person here."""
    target = store.root / DAY / MANIFEST
    if suffix == ".parquet":
        (row,) = store.read(DAY, "person7")
        target = next(path for path in store.root.rglob("*.parquet") if b"person7" in path.read_bytes())
        assert row.person == "person7"
    content = target.read_bytes()
    target.write_bytes(content[:-1] + b"?" if suffix == ".parquet" else content[:-3])
    with pytest.raises(Malformed, match=DAY):
        store.read(DAY)
    store.forget("person7")
    assert found_in(store.root, ["person7"]) == set()


def test_old_days_expire(store: Snapshots) -> None:
    """Whole days go, younger ones stay."""
    write(store, event("person7", 50), day="2026-03-05")
    assert store.expire("2026-03-05") == 1
    assert list(store.days()) == ["2026-03-05"]
