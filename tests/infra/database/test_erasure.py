"""Laws of erasure, backup and restore."""

from pathlib import Path

import pytest
from sqlalchemy import JSON, LargeBinary, Table, insert

from data_contracts.errors import Conflict, ErasedPerson, Malformed
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, new_person
from infra.database.all_tables import Base
from infra.database.audit import audit_log
from infra.database.decisions.writer import DecisionWriter
from infra.database.engine.database import Database, open_database
from infra.database.events import events
from infra.database.maintenance import backup, erasure
from infra.database.people import people
from infra.vault import Vault
from tests.infra.database.rows import add_person, decision, mood, write

CANARY = "canary-of-a-person"


@pytest.fixture
def vault(home: Path) -> Vault:
    """Return the vault of this home."""
    return Vault(home / "keys")


def _value(table: Table, name: str, person: PersonId, link: str) -> object:
    column = table.columns[name]
    if name == "person":
        return person
    if column.foreign_keys or (name == "id" and table.name in {"decisions", "push_sources"}):
        return link
    if isinstance(column.type, JSON):
        return [f"{CANARY}-{table.name}-{name}-{link}"]
    if isinstance(column.type, LargeBinary):
        return f"{CANARY}-{table.name}-{name}".encode()
    kind = column.type.python_type
    words = {"role": "member", "zone": "UTC", "form": "token"}
    return words.get(name, f"{CANARY}-{table.name}-{name}-{link}") if kind is str else kind(1)


def _fill(database: Database, person: PersonId) -> set[str]:
    """Put a row with canaries into every table that knows a person, and return the tables' names."""
    reached = {table.name for table in erasure.personal_tables()} | {"shadow_decisions"}
    with database.unit_of_work() as uow:
        for table in Base.metadata.sorted_tables:
            if table.name in reached:
                names = [name for name in table.columns.keys() if name != "sequence" or table.name != "events"]  # noqa: SIM118 - a collection of columns iterates over columns
                values = {name: _value(table, name, person, f"{CANARY}-{person}") for name in names}
                uow.session.execute(
                    insert(table).values(**values | ({"erasing": False} if "erasing" in values else {}))
                )
        uow.commit()
    return reached


def _bytes(database: Database) -> bytes:
    assert database.path is not None
    return b"".join(path.read_bytes() for path in database.path.parent.glob(f"{database.path.name}*"))


def test_an_erased_person_leaves_no_row(database: Database, vault: Vault, person: PersonId) -> None:
    """Every table that knows them is emptied of them, of nobody else, and a tombstone and one audit line stay."""
    reached = _fill(database, person)
    other = new_person()
    add_person(database, other, name="other", granted=(Source.MOOD,))
    erasure.erase(database, vault, person, now_us=5)
    with database.read() as session:
        for name in reached:
            rows = session.execute(Base.metadata.tables[name].select()).all()
            assert person not in repr(rows)
            assert CANARY not in repr(rows)
        assert erasure.leftovers(session, person) == {}
        assert people.get(session, other).name == "other"
        lines = audit_log.newest(session)
    assert [(line.action, line.detail) for line in lines] == [("person_erased", {"tombstone": vault.tombstone(person)})]


def test_an_erased_person_leaves_no_byte(sqlite_path: Path, vault: Vault, person: PersonId) -> None:
    """A scan of the database's files finds neither pseudonym nor any canary, while it did before."""
    database = open_database(sqlite_path, tombstone=vault.tombstone, audit_key=vault.audit_key)
    _fill(database, person)
    write(database, *[decision(person, f"d{number}", record=CANARY.encode() * 900) for number in range(50)])
    database.checkpoint()
    assert _bytes(database).count(CANARY.encode()) > 40_000
    erasure.erase(database, vault, person, now_us=5)
    left = _bytes(database)
    assert CANARY.encode() not in left
    assert person.encode() not in left
    database.close()


def test_every_table_with_a_person_is_emptied() -> None:
    """The list comes from the schema itself, with those last that others hang on."""
    names = [table.name for table in erasure.personal_tables()]
    assert set(names) == {name for name, table in Base.metadata.tables.items() if "person" in table.columns}
    assert names[-1] == "people"


def test_an_erasure_can_be_finished_later_and_repeated(database: Database, vault: Vault, person: PersonId) -> None:
    """After a crash in the middle the person is named as unfinished; doing it again is harmless."""
    add_person(database, person, granted=(Source.MOOD,))
    with database.unit_of_work() as uow:
        assert erasure.begin(uow, person)
        uow.commit()
    with database.read() as session:
        assert erasure.unfinished(session) == [person]
    assert erasure.erase(database, vault, person, now_us=5) > 0
    assert erasure.erase(database, vault, person, now_us=6) == 0
    with database.read() as session:
        assert erasure.unfinished(session) == []
        assert len(audit_log.newest(session)) == 1


def test_nothing_late_brings_an_erased_person_back(database: Database, vault: Vault, person: PersonId) -> None:
    """A late event, a late decision, a sealed word and the pseudonym itself are refused."""
    database.tombstone = vault.tombstone
    add_person(database, person, granted=(Source.MOOD,))
    writer = DecisionWriter(database)
    writer.start()
    erasure.erase(database, vault, person, now_us=5)
    with database.unit_of_work() as uow, pytest.raises(ErasedPerson):
        events.append(uow, [mood(person, "late")])
    with pytest.raises(ErasedPerson):
        writer.write(decision(person, "late"))
    with pytest.raises(ErasedPerson):
        vault.seal(person, "text", b"late")
    with pytest.raises(ErasedPerson):
        add_person(database, person)
    with database.read() as session:
        assert erasure.leftovers(session, person) == {}
    writer.close()


def test_a_backup_is_a_whole_copy_of_a_running_database(sqlite_path: Path, home: Path, vault: Vault) -> None:
    """What was committed before is in it, while writing goes on; it is private, and nothing is overwritten."""
    database = open_database(sqlite_path, audit_key=vault.audit_key)
    person = add_person(database, new_person())
    vault.seal(person, "text", b"x")
    copy = backup.back_up(database, home / "backups" / "a.db")
    add_person(database, new_person(), name="later")
    assert copy.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Conflict):
        backup.back_up(database, copy)
    database.close()
    assert backup.restore(copy, sqlite_path, vault=vault, now_us=9).erased == []
    restored = open_database(sqlite_path, audit_key=vault.audit_key)
    with restored.read() as session:
        assert [row.person for row in people.list_all(session)] == [person]
    restored.close()


def test_an_older_backup_does_not_bring_an_erased_person_back(
    sqlite_path: Path, home: Path, vault: Vault, person: PersonId
) -> None:
    """Restored on an empty home with the keys, the backup loses them again, to the last byte, before it is used."""
    database = open_database(sqlite_path, audit_key=vault.audit_key)
    _fill(database, person)
    stays = add_person(database, new_person(), name="stays")
    copy = backup.back_up(database, home / "backups" / "a.db")
    erasure.erase(database, vault, person, now_us=5)
    database.close()
    target = home / "elsewhere" / "app.db"
    assert backup.restore(copy, target, vault=vault, now_us=9).erased == [person]
    restored = open_database(target, audit_key=vault.audit_key)
    with restored.read() as session:
        assert [row.person for row in people.list_all(session)] == [stays]
    assert CANARY.encode() not in _bytes(restored)
    restored.close()
    assert [path.name for path in target.parent.iterdir()] == ["app.db"]


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough" * 200])
def test_what_is_no_backup_replaces_nothing(
    sqlite_path: Path, home: Path, vault: Vault, person: PersonId, content: bytes
) -> None:
    """A damaged file is refused, and what was there stays."""
    database = open_database(sqlite_path, audit_key=vault.audit_key)
    add_person(database, person)
    (home / "damaged").write_bytes(content)
    for wrong in (home / "damaged", home / "missing", home):
        with pytest.raises(Malformed):
            backup.restore(wrong, sqlite_path, vault=vault, now_us=9)
    with database.read() as session:
        assert people.get(session, person).name == "me"
    database.close()
