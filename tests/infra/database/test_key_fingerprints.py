"""Laws of the fingerprints that bind a database to its keys."""

from pathlib import Path

import pytest

from data_contracts.errors import Conflict
from infra.database.engine.database import Database
from infra.database.keys import key_fingerprints
from infra.keys.key_files import FILES, fingerprint, fingerprints
from infra.signing import PolicySeal
from infra.vault import Vault


def _read(database: Database) -> dict[str, str]:
    with database.read() as session:
        return key_fingerprints.read(session)


def test_the_first_fingerprint_of_a_name_stays(database: Database) -> None:
    """Of two processes that record at once, both read what the first one wrote."""
    for value in ("first", "second"):
        with database.unit_of_work() as uow:
            key_fingerprints.record(uow, {"master": value}, at_us=1)
            uow.commit()
    assert _read(database) == {"master": "first"}


def test_a_fingerprint_is_replaced_only_by_who_knows_it(database: Database) -> None:
    """A rotation that started from another key changes nothing."""
    with database.unit_of_work() as uow:
        key_fingerprints.record(uow, {"master": "old"}, at_us=1)
        key_fingerprints.replace(uow, "master", "old", "new", at_us=2)
        uow.commit()
    with database.unit_of_work() as uow, pytest.raises(Conflict, match="master"):
        key_fingerprints.replace(uow, "master", "old", "third", at_us=3)
    assert _read(database) == {"master": "new"}


def test_a_restored_database_takes_the_fingerprints_of_its_new_home(database: Database) -> None:
    """Nothing of the old ones stays."""
    with database.unit_of_work() as uow:
        key_fingerprints.record(uow, {"master": "old", "retired": "older"}, at_us=1)
        key_fingerprints.reset(uow, {"master": "new"}, at_us=2)
        uow.commit()
    assert _read(database) == {"master": "new"}


def test_fingerprints_name_each_key_and_show_none(tmp_path: Path) -> None:
    """Every installation key has one, equal keys under two names have two, and none contains its key."""
    Vault(tmp_path).audit_key.make()
    PolicySeal(tmp_path).sign("ab" * 32)
    found = fingerprints(tmp_path)
    assert found.keys() == FILES.keys()
    keys = {name: (tmp_path / file).read_bytes() for name, file in FILES.items()}
    assert all(key.hex()[:16] not in found[name] for name, key in keys.items())
    assert fingerprint("master", bytes(32)) != fingerprint("tombstone", bytes(32))
