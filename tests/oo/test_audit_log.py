"""`oo audit-log` in a home with entries of every kind, and what stays of them after a restore and in an old home."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from data_contracts.retention import TABLES
from flows.upkeep.expiry import expire
from infra.settings import Settings
from oo.runtime import Runtime
from tests.oo.command_line import CommandLine
from tests.oo.homes import make_older


def _execute(home: Path, *statements: str) -> None:
    with sqlite3.connect(home / "app.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


@pytest.fixture
def written(oo: CommandLine, home: Path) -> CommandLine:
    """Return the command line of a home with entries by commands, and an anchor by `oo doctor`."""
    for command in (
        ("log", "mood", "3"),
        ("sources", "add", "watch", "--kind", "mood_reported"),
        ("sources", "rotate", "watch"),
        ("log", "export", str(home.parent / "log.parquet")),
        ("sources", "revoke", "watch"),
        ("doctor",),
    ):
        said = oo(*command)
        assert command[0] == "doctor" or said.code == 0, said.err
    return oo


def test_entries_that_were_changed_are_named_and_end_with_one(written: CommandLine) -> None:
    """An edited, a deleted and an inserted row, and a cut tail; before that the log verifies, and `show` lists it."""
    sound = written("audit-log", "verify", "--json")
    assert (sound.code, sound.data["sound"], sound.data["findings"]) == (0, True, [])
    assert sound.data["anchored"] == sound.data["newest"] == sound.data["entries"] >= 5
    shown = written("audit-log", "show", "--json").data
    assert {"source_added", "source_rotated", "source_revoked", "log_exported"} <= {each["action"] for each in shown}
    by_action = {each["action"]: each["sequence"] for each in shown}
    newest = sound.data["newest"]
    _execute(
        written.home,
        f"UPDATE audit SET actor = 'nobody' WHERE sequence = {by_action['source_added']}",  # noqa: S608 - constants of this test
        f"DELETE FROM audit WHERE sequence IN ({by_action['source_rotated']}, {newest})",  # noqa: S608 - constants of this test
        "INSERT INTO audit (id, at_us, actor, action, detail) VALUES ('mine', 1, 'cli', 'person_erased', '{}')",
    )
    said = written("audit-log", "verify", "--json")
    assert (said.code, said.data["sound"]) == (1, False)
    assert sorted((each["harm"], each["sequence"]) for each in said.data["findings"] if each["harm"] != "inserted") == [
        ("cut_tail", newest),
        ("cut_tail", newest),  # by the state of the chain, and by the anchor
        ("deleted", by_action["source_rotated"]),
        ("edited", by_action["source_added"]),
    ]
    assert [each["entry"] for each in said.data["findings"] if each["harm"] == "inserted"] == ["mine"]
    text = written("audit-log", "verify")
    assert (text.code, "inserted" in text.out, "mine" in text.out) == (1, True, True)
    assert "audit-log verify" in written("doctor").out


def test_expiry_leaves_a_log_that_verifies(written: CommandLine, home: Path) -> None:
    """What retention deletes is no finding, in the flow as it runs each day."""
    days = TABLES["audit"].ttl_days
    assert days is not None
    with Runtime(Settings(home=home)) as runtime:
        now = runtime.clock()
    count = written("audit-log", "verify", "--json").data["entries"]
    with Runtime(Settings(home=home), lambda: now + timedelta(days=2 * days)) as runtime:
        assert expire(runtime.stores)["audit"] == count
    assert written("log", "export", str(home.parent / "again.parquet")).code == 0
    said = written("audit-log", "verify", "--json")
    assert (said.code, said.data["entries"], said.data["newest"]) == (0, 1, count + 1)


@pytest.mark.parametrize("keys_move_along", [True, False])
def test_a_restored_log_verifies(written: CommandLine, tmp_path: Path, *, keys_move_along: bool) -> None:
    """With its keys it goes on as it was; without them it is chained again, and says how much is older than that."""
    archive = tmp_path / "backup.tar.gz"
    assert written("backup", archive).code == 0
    fresh = tmp_path / "fresh"
    fresh.mkdir(mode=0o700)
    if keys_move_along:
        (written.home / "keys").rename(fresh / "keys")
        (written.home / "audit").rename(fresh / "audit")
    again = CommandLine(fresh, written.monkeypatch)
    restored = again("restore", archive, *["--without-tombstones"] * (not keys_move_along))
    assert restored.code == 0, restored.err
    said = again("audit-log", "verify", "--json")
    assert (said.code, said.data["findings"]) == (0, [])
    assert said.data["anchored"] == said.data["newest"]
    assert (said.data["adopted"] > 0) == (not keys_move_along)
    assert "database_restored" in {each["action"] for each in again("audit-log", "show", "--json").data}


def test_a_log_from_before_the_chain_is_chained_at_the_first_command(written: CommandLine) -> None:
    """A home of an earlier version opens, keeps its entries, and finds a change from then on."""
    for key in ("audit.key",):
        (written.home / "keys" / key).unlink()
    (written.home / "audit" / "anchors.jsonl").unlink()
    make_older(written.home)
    said = written("audit-log", "verify", "--json")
    assert said.code == 0, said.err
    assert (said.code, said.data["findings"]) == (0, [])
    assert said.data["adopted"] == said.data["entries"] > 0
    _execute(written.home, "UPDATE audit SET actor = 'nobody' WHERE action = 'source_added'")
    assert [each["harm"] for each in written("audit-log", "verify", "--json").data["findings"]] == ["edited"]
