"""Laws of the vault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import DamagedStore, ErasedPerson, Malformed
from data_contracts.identifiers import PersonId
from infra.storage import files
from infra.vault import Vault

ANN, BOB = PersonId("a" * 32), PersonId("b" * 32)


@pytest.fixture
def keys(home: Path) -> Path:
    """Return where keys will lie."""
    return home / "keys"


@pytest.fixture(scope="module")
def shared_vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """Return one vault for many examples."""
    return Vault(tmp_path_factory.mktemp("home") / "keys")


@given(text=st.binary(), field=st.text(max_size=40))
def test_what_was_sealed_opens_to_the_same_bytes(shared_vault: Vault, text: bytes, field: str) -> None:
    """Sealing is undone by opening, for any bytes and any field."""
    assert shared_vault.open(ANN, field, shared_vault.seal(ANN, field, text)) == text


@given(text=st.binary(min_size=1), position=st.integers(min_value=0), flip=st.integers(1, 255))
def test_no_damaged_box_opens(shared_vault: Vault, text: bytes, position: int, flip: int) -> None:
    """One changed bit anywhere is noticed."""
    box = bytearray(shared_vault.seal(ANN, "text", text))
    box[position % len(box)] ^= flip
    with pytest.raises(Malformed):
        shared_vault.open(ANN, "text", bytes(box))


def test_a_box_opens_only_for_its_owner_and_field(keys: Path) -> None:
    """Boxes swapped between rows or columns don't open: the additional data binds them."""
    vault = Vault(keys)
    box = vault.seal(ANN, "text", b"call mother")
    vault.seal(BOB, "text", b"")
    for person, field in ((BOB, "text"), (ANN, "why"), (ANN, "tex")):
        with pytest.raises(Malformed):
            vault.open(person, field, box)


@pytest.mark.parametrize("box", [b"", b"\x01", b"\x02" + bytes(40), b"\x01" + bytes(12)])
def test_what_is_no_box_is_malformed(keys: Path, box: bytes) -> None:
    """Garbage is refused as such."""
    with pytest.raises(Malformed):
        Vault(keys).open(ANN, "text", box)


def test_keys_outlive_the_process(keys: Path) -> None:
    """Another vault on the same folder opens the box and makes the same subject keys."""
    first, second = Vault(keys), Vault(keys)
    assert second.open(ANN, "text", first.seal(ANN, "text", b"x")) == b"x"
    assert first.subject_key(ANN, "task", "7") == second.subject_key(ANN, "task", "7")
    assert first.tombstone(ANN) == second.tombstone(ANN)


def test_subject_keys_say_nothing_and_never_mix(keys: Path) -> None:
    """A keyed hash of 32 hex characters differs by person, kind and id."""
    vault = Vault(keys)
    names = {
        vault.subject_key(person, kind, native_id)
        for person in (ANN, BOB)
        for kind, native_id in (("task", "7"), ("event", "7"), ("task", "8"), ("tas", "k7"), ("task|", "7"))
    }
    assert len(names) == 10
    assert all(len(name) == 32 and int(name, 16) >= 0 for name in names)


def test_only_the_owner_can_read_keys(keys: Path) -> None:
    """Key files are 0600, their folders 0700, whatever the umask."""
    before = os.umask(0)
    try:
        Vault(keys).seal(ANN, "text", b"x")
    finally:
        os.umask(before)
    found = [path for path in keys.rglob("*") if path.is_file()]
    assert {path.name for path in found} == {"master.key", "tombstone.key", f"{ANN}.key"}
    assert {path.stat().st_mode & 0o777 for path in found} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (keys, keys / "people")} == {0o700}


def test_forgetting_destroys_the_key_for_every_process(keys: Path) -> None:
    """After `forget` nobody seals or opens for the person, not even who held the key in memory."""
    vault, other = Vault(keys), Vault(keys)
    box = vault.seal(ANN, "text", b"x")
    assert other.open(ANN, "text", box) == b"x"
    vault.forget(ANN)
    vault.forget(ANN)
    for each in (vault, other, Vault(keys)):
        with pytest.raises(ErasedPerson):
            each.open(ANN, "text", box)
        with pytest.raises(ErasedPerson):
            each.seal(ANN, "text", b"x")
        with pytest.raises(ErasedPerson):
            each.subject_key(ANN, "task", "7")
    assert vault.tombstones() == {vault.tombstone(ANN)}
    assert not (keys / "people" / f"{ANN}.key").exists()


def test_a_destroyed_key_is_overwritten_before_its_name_goes(keys: Path) -> None:
    """A second name of the same file shows random bytes, not the key."""
    vault = Vault(keys)
    vault.seal(ANN, "text", b"x")
    path = keys / "people" / f"{ANN}.key"
    stored = path.read_bytes()
    os.link(path, keys / "watcher")
    vault.forget(ANN)
    assert (keys / "watcher").read_bytes() != stored
    assert len((keys / "watcher").read_bytes()) == len(stored)


def test_a_key_file_of_another_person_or_installation_is_refused(keys: Path, tmp_path: Path) -> None:
    """Key files can't be exchanged."""
    vault = Vault(keys)
    vault.seal(ANN, "text", b"x")
    (keys / "people" / f"{BOB}.key").write_bytes((keys / "people" / f"{ANN}.key").read_bytes())
    with pytest.raises(Malformed):
        vault.seal(BOB, "text", b"x")
    foreign = Vault(tmp_path / "foreign")
    foreign.seal(ANN, "text", b"x")
    (keys / "people" / f"{ANN}.key").write_bytes((tmp_path / "foreign" / "people" / f"{ANN}.key").read_bytes())
    with pytest.raises(Malformed):
        Vault(keys).seal(ANN, "text", b"x")


@pytest.mark.parametrize("lost", ["master.key", "tombstone.key"])
@pytest.mark.parametrize("harm", ["missing", "short"])
def test_a_lost_key_is_never_replaced_beside_what_it_sealed(keys: Path, lost: str, harm: str) -> None:
    """The refusal names the file and the remedy, nothing new is written, and the right file mends it."""
    box = Vault(keys).seal(ANN, "text", b"x")
    kept = (keys / lost).read_bytes()
    (keys / lost).unlink()
    if harm == "short":
        (keys / lost).write_bytes(kept[:8])
    with pytest.raises(DamagedStore, match=rf"{lost} .*your copy"):
        Vault(keys)
    assert (keys / lost).exists() == (harm == "short")
    (keys / lost).write_bytes(kept)
    assert Vault(keys).open(ANN, "text", box) == b"x"


def test_a_lost_tombstone_key_lets_nobody_return(keys: Path) -> None:
    """Also when the erased person was the only one."""
    vault = Vault(keys)
    vault.seal(ANN, "text", b"x")
    vault.forget(ANN)
    (keys / "tombstone.key").unlink()
    with pytest.raises(DamagedStore, match=r"tombstone\.key"):
        Vault(keys)


def test_a_home_that_is_not_new_gets_no_keys(keys: Path) -> None:
    """Whoever knows that there is data already says so, and an empty keys folder stays empty."""
    with pytest.raises(DamagedStore, match=r"master\.key"):
        Vault(keys, new=False)
    assert [path for path in keys.rglob("*") if path.is_file()] == []


def test_a_lost_key_of_a_person_with_sealed_data_is_not_made_anew(keys: Path) -> None:
    """A person without such data gets a key; one with it is refused until the file is back, or is erased."""
    sealed: set[PersonId] = set()
    vault = Vault(keys, has_sealed_data=sealed.__contains__)
    box = vault.seal(ANN, "text", b"x")
    sealed.add(ANN)
    kept = (keys / "people" / f"{ANN}.key").read_bytes()
    (keys / "people" / f"{ANN}.key").unlink()
    with pytest.raises(DamagedStore, match="erase the person"):
        vault.seal(ANN, "text", b"x")
    (keys / "people" / f"{ANN}.key").write_bytes(kept)
    assert vault.open(ANN, "text", box) == b"x"


@pytest.mark.parametrize("person", ["../master", "", "a/b", "a" * 65, "ä"])
def test_what_is_no_pseudonym_reaches_no_file(keys: Path, person: str) -> None:
    """No path can be smuggled in as a person."""
    with pytest.raises(Malformed):
        Vault(keys).seal(PersonId(person), "text", b"x")


def test_two_processes_agree_on_one_key(keys: Path) -> None:
    """Whoever comes first makes the key, and the others use it."""
    script = f"from infra.vault import Vault; from pathlib import Path; v = Vault(Path({str(keys)!r})); "
    script += f"print(v.subject_key({ANN!r}, 'task', '7'))"
    started = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) for _ in range(4)]
    answers = {process.communicate()[0] for process in started}
    assert answers == {f"{Vault(keys).subject_key(ANN, 'task', '7')}\n".encode()}


def test_a_file_is_complete_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash before the last step leaves the old content under the name."""
    path = tmp_path / "file"
    files.replace(path, b"old")

    def crash(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        files.replace(path, b"new")
    assert path.read_bytes() == b"old"
