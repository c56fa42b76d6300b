"""A database file that is not whole is refused in one sentence, before anything is read from it."""

from pathlib import Path

import pytest

from data_contracts.errors import DamagedStore
from feature_repo.online import OnlineFile
from infra.database.engine.database import Database, open_database
from tests.faults.damage import overwrite, truncate

PAGE = 4_096


def test_a_whole_database_passes(database: Database) -> None:
    """On both databases."""
    database.check()


@pytest.mark.parametrize("harm", ["truncated", "header", "page"])
def test_a_damaged_database_is_refused(sqlite_path: Path, harm: str) -> None:
    """The sentence says which file and what to do."""
    _damage(sqlite_path, harm)
    database = open_database(sqlite_path)
    with pytest.raises(DamagedStore, match=r"app\.db is damaged .*oo restore"):
        database.check()
    database.close()


@pytest.mark.parametrize("harm", ["truncated", "header", "page"])
def test_a_damaged_online_store_is_refused(tmp_path: Path, harm: str) -> None:
    """It is all derived, so the sentence says how to make it anew; a missing file is an empty store."""
    path = tmp_path / "online.db"
    store = OnlineFile(path)
    for number in range(50):
        store.write_pool(f"person {number}", number, bytes(1_000))
    store.checkpoint()
    store.close()
    _damage(path, harm)
    with pytest.raises(DamagedStore, match=r"online\.db is damaged .*oo features rebuild"):
        OnlineFile(path)
    path.unlink()
    OnlineFile(path).close()


def _damage(path: Path, harm: str) -> None:
    if harm == "truncated":
        truncate(path, 0.6)
    else:
        overwrite(path, 0 if harm == "header" else 2 * PAGE, b"\xff" * 32)
