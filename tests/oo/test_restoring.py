"""Who was erased stays erased, whatever backup is restored beside whatever keys, or the restore is refused."""

import io
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from data_contracts.identifiers import PersonId
from infra.settings import Settings
from infra.vault import Vault
from oo.actions.backup import TOMBSTONES
from oo.runtime import Runtime
from tests.oo.command_line import CommandLine
from tests.oo.homes import GONE, RESIDENT, forget_in, live_in, make_older
from tests.oo.test_cache_eviction import traces

REFUSED = "nobody can tell who must stay erased"


class Copies:
    """Archives and keys folders of one home from before and after a person was erased."""

    def __init__(self, folder: Path, trained: Path, patch: pytest.MonkeyPatch) -> None:
        home = Path(shutil.copytree(trained, folder / "home"))
        self.oo = CommandLine(home, patch)
        self.stays, self.gone = live_in(home, RESIDENT), live_in(home, GONE)
        self.before, self.after = folder / "before.tar.gz", folder / "after.tar.gz"
        self.keys_before, self.keys_after = folder / "keys-before", folder / "keys-after"
        assert self.oo("backup", self.before).code == 0
        shutil.copytree(home / "keys", self.keys_before)
        forget_in(home, GONE)
        assert self.oo("backup", self.after).code == 0
        shutil.copytree(home / "keys", self.keys_after)


@pytest.fixture(scope="module")
def copies(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """Return the archives and the keys."""
    with pytest.MonkeyPatch.context() as patch:
        return Copies(tmp_path_factory.mktemp("copies"), trained, patch)


@pytest.fixture
def oo(home: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """Return the command line of an empty home."""
    return CommandLine(home, monkeypatch)


def people_of(home: Path) -> list[str]:
    """Return the names of everybody in a home."""
    with closing(sqlite3.connect(home / "app.db")) as database:
        return sorted(name for (name,) in database.execute("SELECT name FROM people"))


def is_destroyed(home: Path, person: PersonId) -> bool:
    """Whether nothing of a person is left, and nothing can be sealed for them."""
    vault = Vault(Settings(home=home).keys, new=False)
    return traces(home, person) == set() and vault.is_forgotten(person) and not vault.has_key(person)


def test_an_older_archive_beside_newer_keys_brings_nobody_back(oo: CommandLine, copies: Copies) -> None:
    """The keys folder remembers the erasure."""
    shutil.copytree(copies.keys_after, oo.home / "keys")
    assert oo("restore", copies.before, "--json").data["erased"] == 1
    assert people_of(oo.home) == [RESIDENT]
    assert is_destroyed(oo.home, copies.gone)
    assert "NOT OK  home" not in oo("doctor").out


def test_a_newer_archive_beside_older_keys_brings_nobody_back(oo: CommandLine, copies: Copies) -> None:
    """The archive remembers the erasure, and the key that the older copy brought back is destroyed."""
    shutil.copytree(copies.keys_before, oo.home / "keys")
    assert Vault(oo.home / "keys").has_key(copies.gone)
    assert oo("restore", copies.after).code == 0
    assert is_destroyed(oo.home, copies.gone)
    assert oo("tip", "--person", RESIDENT).code == 0


def test_another_archive_of_the_same_home_may_say_who_was_erased(oo: CommandLine, copies: Copies) -> None:
    """Beside an older archive and older keys only that knows of the erasure."""
    shutil.copytree(copies.keys_before, oo.home / "keys")
    restored = oo("restore", copies.before, "--tombstones-of", copies.after, "--json")
    assert restored.data["erased"] == 1
    assert people_of(oo.home) == [RESIDENT]
    assert is_destroyed(oo.home, copies.gone)


@pytest.mark.parametrize("keys", ["absent", "other"])
def test_without_the_keys_nothing_is_restored_unless_that_is_accepted(
    oo: CommandLine, copies: Copies, keys: str
) -> None:
    """One sentence, and an empty home; with the option the home works, and says whose words stay sealed."""
    if keys == "other":
        Vault(oo.home / "keys")
    refused = oo("restore", copies.before)
    assert (refused.code, REFUSED in refused.err, "--without-tombstones" in refused.err) == (1, True, True)
    assert not (oo.home / "app.db").exists()
    accepted = oo("restore", copies.before, "--without-tombstones", "--json")
    assert (accepted.code, accepted.data["without_key"]) == (0, 2)
    assert people_of(oo.home) == [RESIDENT, GONE]
    assert "NOT OK  home" not in oo("doctor").out
    assert oo("log", "mood", "3", "--person", RESIDENT).code == 0


def test_half_of_the_keys_is_none_of_the_two(oo: CommandLine, copies: Copies) -> None:
    """A keys folder without its master key is put back whole, also where lost erasures are accepted."""
    shutil.copytree(copies.keys_after, oo.home / "keys")
    (oo.home / "keys" / "master.key").unlink()
    refused = oo("restore", copies.after, "--without-tombstones")
    assert (refused.code, "master.key is missing" in refused.err) == (1, True)
    assert not (oo.home / "keys" / "master.key").exists()


def test_a_changed_list_of_erased_people_is_refused(oo: CommandLine, copies: Copies, tmp_path: Path) -> None:
    """Nobody takes a name from it without the key."""
    shutil.copytree(copies.keys_before, oo.home / "keys")
    changed = tmp_path / "changed.tar.gz"
    with tarfile.open(copies.after) as archive, tarfile.open(changed, "w:gz") as made:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            data = content.read() if content is not None else b""
            if member.name == TOMBSTONES:
                assert copies.gone.encode() not in data
                data = data.replace(data[-8:-2], bytes(reversed(data[-8:-2])))
            made.addfile(member, io.BytesIO(data))
    refused = oo("restore", changed)
    assert (refused.code, "list of erased people was changed" in refused.err) == (1, True)
    assert not (oo.home / "app.db").exists()


@pytest.mark.parametrize("keys", ["own", "other"])
def test_an_archive_of_an_older_version_is_known_by_the_keys_of_its_people(
    oo: CommandLine, copies: Copies, keys: str, tmp_path: Path
) -> None:
    """It holds neither list nor fingerprints."""
    older, archive = tmp_path / "older", tmp_path / "older.tar.gz"
    with tarfile.open(copies.before) as found:
        found.extractall(older, filter="data")
    (older / TOMBSTONES).unlink()
    (older / "home.json").touch()
    (older / "locks").mkdir()
    make_older(older)
    with tarfile.open(archive, "w:gz") as made:
        for path in older.iterdir():
            made.add(path, path.name)
    if keys == "own":
        shutil.copytree(copies.keys_after, oo.home / "keys")
        assert oo("restore", archive, "--json").data["erased"] == 1
        assert is_destroyed(oo.home, copies.gone)
    else:
        Vault(oo.home / "keys")
        assert REFUSED in oo("restore", archive).err


def test_a_damaged_database_is_not_overwritten_by_a_restore(oo: CommandLine, copies: Copies) -> None:
    """It may still be of use, so the sentence says to move it away; then the home is filled under its own id."""
    shutil.copytree(copies.oo.home, oo.home, dirs_exist_ok=True)
    (oo.home / "app.db").write_bytes(b"garbage" * 9_000)
    assert "out of the home, then restore again" in oo("restore", copies.after).err
    (oo.home / "app.db").rename(oo.home.with_name("damaged.db"))
    assert oo("restore", copies.after).code == 0
    assert (oo.home / "home.json").read_bytes() == (copies.oo.home / "home.json").read_bytes()
    with Runtime(Settings(home=oo.home)) as runtime:
        assert runtime.people.named(RESIDENT).person == copies.stays
