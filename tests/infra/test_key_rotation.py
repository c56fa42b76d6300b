"""Laws of key rotation: under load, over crashes, beside erasure, and with files of before there were key ids."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_contracts.errors import DamagedStore, ErasedPerson, Malformed, NotFound
from data_contracts.identifiers import PersonId
from infra.database.audit import audit_log
from infra.database.engine.database import Database, open_database
from infra.database.keys import key_fingerprints
from infra.fault_injection import ROTATION_POINTS
from infra.keys import rotation
from infra.keys.audit_key import AuditKey
from infra.keys.key_files import MASTER, POLICY_SIGNING, fingerprints
from infra.keys.master_keys import NONCE_BYTES, UNNAMED
from infra.signing import PolicySeal
from infra.vault import Vault
from tests.source_tree import CHECKOUT

DIGEST = "ab" * 32
PEOPLE = [PersonId(f"{number:032x}") for number in range(6)]
LOADER = """
import sys
from pathlib import Path
from infra.vault import Vault
vault, people, stop = Vault(Path(sys.argv[1])), sys.argv[3:], Path(sys.argv[2])
boxes, count = {}, 0
print("ready", flush=True)
while not stop.exists() or count < 200:
    for person in people:
        boxes.setdefault(person, vault.seal(person, "text", b"x"))
        assert vault.open(person, "text", boxes[person]) == b"x"
        assert vault.open(person, "text", vault.seal(person, "text", b"y")) == b"y"
        vault.drop(person)
        count += 1
    new = f"{count:030d}{sys.argv[1][-2:]}".replace("/", "a")
    assert vault.open(new, "text", vault.seal(new, "text", b"z")) == b"z"
"""
ROTATOR = """
import sys
from pathlib import Path
from infra.keys import rotation
from infra.keys.audit_key import AuditKey
from infra.database.engine.database import open_database
from infra.signing import PolicySeal
from infra.vault import Vault
home = Path(sys.argv[1])
vault = Vault(home / "keys", new=False)
database = open_database(home / "app.db", audit_key=vault.audit_key)
if sys.argv[2] == "master":
    rotation.rotate_master(home, database, vault.masters, now_us=5)
else:
    rotation.rotate_policy(home, database, PolicySeal(home / "keys", new=False), now_us=5)
"""


@pytest.fixture
def database(sqlite_path: Path, home: Path) -> Database:
    """Return the database of a home that is bound to its keys."""
    Vault(home / "keys").audit_key.make()
    PolicySeal(home / "keys").sign(DIGEST)
    opened = open_database(sqlite_path, audit_key=AuditKey(home / "keys"))
    with opened.unit_of_work() as uow:
        key_fingerprints.record(uow, fingerprints(home / "keys"), at_us=1)
        uow.commit()
    return opened


def _bound(database: Database, home: Path) -> bool:
    with database.read() as session:
        held = key_fingerprints.read(session)
    found = fingerprints(home / "keys")
    return (held[MASTER], held[POLICY_SIGNING]) == (found[MASTER], found[POLICY_SIGNING])


def _boxes(keys: Path) -> dict[PersonId, bytes]:
    vault = Vault(keys)
    return {person: vault.seal(person, "text", person.encode()) for person in PEOPLE}


def _all_open(vault: Vault, boxes: dict[PersonId, bytes]) -> bool:
    return all(vault.open(person, "text", box) == person.encode() for person, box in boxes.items())


def _rotate(home: Path, name: str, **environment: str) -> int:
    command = [sys.executable, "-c", ROTATOR, str(home), name]
    return subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **environment}, check=False).returncode


def test_rotation_under_load_fails_nobody(database: Database, home: Path, tmp_path: Path) -> None:
    """Threads and processes seal and open, for old and new people, while the master key is replaced three times."""
    keys, stop = home / "keys", tmp_path / "stop"
    boxes, failures = _boxes(keys), list[BaseException]()
    masters = [(keys / "master.key").read_bytes()]
    vault = Vault(keys)

    def work() -> None:
        try:
            while not stop.exists():
                for person, box in boxes.items():
                    vault.drop(person)
                    assert vault.open(person, "text", box) == person.encode()
        except BaseException as error:  # noqa: BLE001 - the edge of a thread of this test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    command = [sys.executable, "-c", LOADER, str(keys), str(stop), *PEOPLE]
    loaders = [subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for loader in loaders:
            assert loader.stdout is not None
            assert loader.stdout.readline() == b"ready\n"
        for thread in threads:
            thread.start()
        for _ in range(3):
            done = rotation.rotate_master(home, database, Vault(keys, new=False).masters, now_us=5)
            assert not done.finished
            masters.append((keys / "master.key").read_bytes())
    finally:
        stop.touch()
        for thread in threads:
            thread.join()
        codes = [loader.wait(60) for loader in loaders]
        for loader in loaders:
            assert loader.stdout is not None
            loader.stdout.close()
    assert (codes, failures, len(set(masters))) == ([0, 0], [], 4)
    fresh = Vault(keys, new=False)
    assert _all_open(fresh, boxes)
    assert all(fresh.masters.unwrap(path.stem, path.read_bytes()) for path in (keys / "people").glob("*.key"))
    assert (fresh.masters.wrapped().older, fresh.masters.older()) == ({}, [])
    assert not any(key in path.read_bytes() for key in masters[:-1] for path in keys.rglob("*") if path.is_file())
    assert _bound(database, home)


@pytest.mark.parametrize("point", ROTATION_POINTS)
def test_a_rotation_that_was_killed_is_finished_by_running_it_again(database: Database, home: Path, point: str) -> None:
    """At each point everything still opens and verifies; afterwards no key but the new one is left or needed."""
    keys = home / "keys"
    boxes, signature = _boxes(keys), PolicySeal(keys).sign(DIGEST)
    name = "policy" if point.startswith("policy") else "master"
    before = (keys / ("policy_signing.pub" if name == "policy" else "master.key")).read_bytes()
    running = Vault(keys, new=False)
    assert _rotate(home, name, OO_CRASH_AT=f"{point}:{2 if point == 'person_key_wrapped' else 1}") == 137
    for vault in (running, Vault(keys, new=False)):
        assert _all_open(vault, boxes)
    assert PolicySeal(keys, new=False).holds(DIGEST, signature)
    assert _rotate(home, name) == 0
    assert _bound(database, home)
    assert _all_open(Vault(keys, new=False), boxes)
    seal = PolicySeal(keys, new=False)
    assert seal.holds(DIGEST, signature)
    assert seal.holds("cd" * 32, seal.sign("cd" * 32))
    assert (keys / ("policy_signing.pub" if name == "policy" else "master.key")).read_bytes() != before
    assert Vault(keys, new=False).masters.wrapped().older == {}
    assert Vault(keys, new=False).masters.older() == []


def test_a_key_file_without_an_id_opens_and_is_wrapped_again_at_its_next_use(database: Database, home: Path) -> None:
    """Those of an earlier version need no rotation; after one, whoever reads such a file mends it."""
    keys = home / "keys"
    boxes = _boxes(keys)
    vault = Vault(keys)
    for person in PEOPLE:
        path, nonce = keys / "people" / f"{person}.key", os.urandom(NONCE_BYTES)
        key = vault.masters.unwrap(person, path.read_bytes())
        master = AESGCM((keys / "master.key").read_bytes())
        path.write_bytes(UNNAMED + nonce + master.encrypt(nonce, key, f"{person}|key".encode()))
    assert Vault(keys).masters.wrapped().older == {"": len(PEOPLE)}
    assert _all_open(Vault(keys), boxes)
    assert Vault(keys).masters.wrapped().older == {}
    assert rotation.rotate_master(home, database, Vault(keys).masters, now_us=5).again == len(PEOPLE)


def test_who_is_erased_during_a_rotation_stays_erased(home: Path) -> None:
    """Neither the pass over all keys nor a process that still knew the person brings the key back."""
    keys = home / "keys"
    _boxes(keys)
    masters = Vault(keys).masters
    masters.keep_current()
    masters.replace(os.urandom(32))
    eraser = Vault(keys)
    threads = [threading.Thread(target=eraser.forget, args=(person,)) for person in PEOPLE]
    threads.append(threading.Thread(target=masters.wrap_all_again))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list((keys / "people").glob("*.key")) == []
    with pytest.raises(ErasedPerson):
        Vault(keys).seal(PEOPLE[0], "text", b"x")


def test_an_older_copy_of_the_keys_folder_opens_what_was_sealed_since(
    database: Database, home: Path, tmp_path: Path
) -> None:
    """A rotation changes no person's key, so the copy is enough for everybody who is in it, and for nobody else."""
    keys, copy = home / "keys", tmp_path / "copy"
    boxes = _boxes(keys)
    shutil.copytree(keys, copy)
    rotation.rotate_master(home, database, Vault(keys).masters, now_us=5)
    vault = Vault(keys)
    later = {person: vault.seal(person, "text", person.encode()) for person in PEOPLE}
    assert _all_open(Vault(copy, new=False), boxes | later)
    shutil.copy(copy / "master.key", keys / "master.key")  # but not the old master key with the new files alone
    with pytest.raises(Malformed, match="is not here"):
        _all_open(Vault(keys, new=False), boxes)


def test_the_old_signing_key_verifies_until_it_is_distrusted(database: Database, home: Path) -> None:
    """A process that runs signs with the new pair and verifies both; distrust ends the old signatures at once."""
    keys = home / "keys"
    running = PolicySeal(keys, new=False)
    old = running.sign(DIGEST)
    rotation.rotate_policy(home, database, running, now_us=5)
    served = PolicySeal(keys, new=False)
    new = running.sign(DIGEST)
    assert new != old
    assert served.holds(DIGEST, old)
    assert served.holds(DIGEST, new)
    (name,) = served.older()
    served.distrust(name)
    assert not running.holds(DIGEST, old)
    assert running.holds(DIGEST, new)
    with pytest.raises(NotFound):
        served.distrust(name)
    with database.read() as session:
        assert [row.detail["key"] for row in audit_log.newest(session, action="key_rotated")] == ["policy_signing"]


def test_a_missing_older_key_is_named(home: Path) -> None:
    """A person's key that only a lost master key opens is refused with the id of that one."""
    keys = home / "keys"
    boxes = _boxes(keys)
    masters = Vault(keys).masters
    old = masters.keep_current()
    masters.replace(os.urandom(32))
    (keys / "masters" / f"{old}.key").unlink()
    with pytest.raises((Malformed, DamagedStore), match=old):
        _all_open(Vault(keys, new=False), boxes)
