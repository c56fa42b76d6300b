"""`oo keys` in a home with a champion and a life."""

from pathlib import Path

import pytest

from oo.runtime import Runtime
from tests.oo.command_line import CommandLine


def _status(oo: CommandLine) -> dict[str, dict[str, object]]:
    said = oo("keys", "status", "--json")
    assert said.code == 0, said.err
    return {each["name"]: each for each in said.data}


@pytest.fixture
def lived(oo: CommandLine) -> CommandLine:
    """Return the command line of a home in which somebody has a key and a webhook."""
    for command in (("log", "habit", "run"), ("sources", "add", "hook", "--webhook", "--kind", "mood_reported")):
        assert oo(*command).code == 0
    return oo


def test_a_rotated_master_key_leaves_nothing_behind(lived: CommandLine) -> None:
    """Status names it, everybody's key is wrapped by it, the old file is gone, and every command goes on."""
    before, old = _status(lived), (lived.home / "keys" / "master.key").read_bytes()
    done = lived("keys", "rotate", "--json")
    assert (done.code, done.data["again"], done.data["removed"]) == (0, 1, [before["master"]["id"]])
    after = _status(lived)["master"]
    assert (after["id"], after["used_by"], after["by_older"], after["older"]) == (done.data["current"], 1, 0, [])
    assert after["id"] != before["master"]["id"]
    assert not [path for path in lived.home.rglob("*") if path.is_file() and old in path.read_bytes()]
    assert lived("tip").code == 0
    assert lived("audit-log", "show", "--action", "key_rotated", "--json").data[0]["detail"]["key"] == "master"
    assert lived("audit-log", "verify").code == 0


def test_a_rotated_signing_key_keeps_the_champion(lived: CommandLine) -> None:
    """Policies are signed again; the old key verifies until it is distrusted, and the champion is loaded throughout."""
    before = _status(lived)["policy"]
    done = lived("keys", "rotate", "policy", "--json")
    assert (done.code, done.data["again"]) == (0, before["used_by"])
    after = _status(lived)["policy"]
    assert (after["id"], after["by_older"], after["older"]) == (done.data["current"], 0, [before["id"]])
    for command in (("tip",), ("keys", "distrust", before["id"]), ("tip",)):
        assert lived(*command).code == 0
        with Runtime() as runtime:
            runtime.serving.start()
            assert runtime.learning.champion.ping()
    assert _status(lived)["policy"]["older"] == []
    assert lived("keys", "distrust", before["id"]).code == 1


def test_webhooks_get_new_secrets_and_keep_the_old_ones_for_a_day(lived: CommandLine) -> None:
    """Each is shown once; status counts those that end."""
    minted = lived("keys", "rotate", "push", "--json")
    assert [(each["person"], each["name"]) for each in minted.data] == [("me", "hook")]
    assert minted.data[0]["credential"].startswith("oo_whs_")
    push = _status(lived)["push"]
    assert (push["used_by"], push["by_older"]) == (2, 1)


@pytest.mark.parametrize(("name", "why"), [("tombstone", "return"), ("audit", "again"), ("other", "no key")])
def test_what_is_never_rotated_says_why(lived: CommandLine, name: str, why: str) -> None:
    """The command refuses and changes no file."""
    before = _files(lived.home / "keys")
    said = lived("keys", "rotate", name)
    assert (said.code, why in said.err) == (2, True)
    assert _files(lived.home / "keys") == before


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_in_a_broken_home_status_says_which_key_is_wrong(lived: CommandLine) -> None:
    """Every other command refuses; this one names the key, and changes nothing."""
    keys = lived.home / "keys"
    (keys / "master.key").unlink()
    (keys / "tombstone.key").write_bytes(b"too short")
    (keys / "audit.key").write_bytes(bytes(32))
    said = lived("keys", "status", "--json")
    assert said.code == 1
    assert "master.key is missing" in said.err
    states = {each["name"]: each["state"] for each in said.data}
    assert states == {
        "master": "missing",
        "tombstone": "damaged",
        "policy_signing": "as expected",
        "audit": "of another home, or an older copy",
    }
    assert lived("log", "habit", "run").code == 1
    assert not (keys / "master.key").exists()
