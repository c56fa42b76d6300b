"""Homes to damage: one with a person whose words are sealed and one who was erased, and the same in its older form."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from data_contracts.identifiers import PersonId
from infra.database.engine.database import open_database
from infra.database.engine.migrations import downgrade
from infra.settings import Settings
from oo.actions.erasure import erase
from oo.actions.importing import import_all
from oo.runtime import Runtime

RESIDENT, GONE = "ada", "ben"
TASK = {"task": "7", "state": "open", "title": "Call"}
OLDER_SCHEMA = "0008"  # the last one without fingerprints
GARBAGE_BYTES = 40 << 10


def live_in(home: Path, name: str) -> PersonId:
    """Let a person live in a home, with words that their key sealed."""
    file = home.with_name(f"{name}.jsonl")
    signal = {"kind": "task_changed", "id": name, "source": "list", "at": "2026-03-04T09:00:00Z", "data": TASK}
    file.write_text(json.dumps(signal))
    with Runtime(Settings(home=home)) as runtime:
        row = runtime.people.settle_in(name, "UTC")
        assert import_all(runtime, row, [file]).accepted == 1
        return PersonId(row.person)


def forget_in(home: Path, name: str) -> None:
    """Erase a person."""
    with Runtime(Settings(home=home)) as runtime:
        erase(runtime, name)


def make_older(home: Path) -> None:
    """Take from a home what versions before the fingerprints did not write."""
    (home / "home.json").unlink()
    shutil.rmtree(home / "locks")
    database = open_database(home / "app.db")
    with database.unit_of_work() as uow:
        downgrade(uow.session.connection(), OLDER_SCHEMA)
        uow.commit()
    database.close()


def empty(name: str) -> Callable[[Path], None]:
    """Return what empties a file of a home."""

    def harm(home: Path) -> None:
        (home / name).write_bytes(b"")
        for suffix in ("-wal", "-shm"):
            (home / f"{name}{suffix}").unlink(missing_ok=True)

    return harm


def remove(*patterns: str) -> Callable[[Path], None]:
    """Return what removes files or folders of a home."""

    def harm(home: Path) -> None:
        found = [path for pattern in patterns for path in home.glob(pattern)]
        assert found
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return harm


def exchange(pattern: str) -> Callable[[Path], None]:
    """Return what puts other bytes of the same length into the one file of a pattern."""

    def harm(home: Path) -> None:
        (path,) = home.glob(pattern)
        path.write_bytes(bytes(byte ^ 0x55 for byte in path.read_bytes()))

    return harm


def garble(home: Path) -> None:
    """Write 40 KiB of garbage into the middle of the database."""
    with (home / "app.db").open("r+b") as file:
        file.seek((home / "app.db").stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xa5" * GARBAGE_BYTES)
