"""Laws of the schema."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from data_contracts.errors import Conflict
from data_contracts.identifiers import PersonId
from data_contracts.retention import TABLES, Exit
from infra.database.all_tables import Base, PersonRow
from infra.database.engine import migrations
from infra.database.engine.database import Database, open_database
from infra.database.engine.migrations import HEAD, downgrade, upgrade
from tests.infra.database.rows import add_person


def test_the_migrated_schema_is_the_declared_one(database: Database) -> None:
    """Alembic finds nothing to add, drop or change, on either database."""
    with database.unit_of_work() as uow:
        context = MigrationContext.configure(
            uow.session.connection(), opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_even_checks_and_conditions_of_indices_are_the_declared_ones(sqlite_path: Path) -> None:
    """What Alembic does not compare is compared by its words."""
    declared = create_engine("sqlite://")
    Base.metadata.create_all(declared)
    migrated = create_engine(f"sqlite:///{sqlite_path}")
    query = text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'")
    with declared.connect() as one, migrated.connect() as other:
        wanted, found = ({name: _words(sql) for name, sql in each.execute(query)} for each in (one, other))
    declared.dispose()
    migrated.dispose()
    assert found == wanted


def _words(sql: str) -> list[str]:
    """Return the parts between commas: a column that was added later stands on no line of its own."""
    parts = (part.strip() for part in re.split(r",\s|\n", sql.strip().removesuffix(")")))
    return sorted(part.rstrip(",") for part in parts if part)


def test_the_head_is_the_newest_script() -> None:
    """The constant that saves importing Alembic names the last revision, and there is one line of them."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrating_again_does_nothing(database: Database) -> None:
    """An up-to-date schema is left alone."""
    assert database.migrate() is False


def test_an_interrupted_upgrade_starts_again_cleanly(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in the middle leaves no half schema, and the next start finishes it."""
    database = open_database(home / "app.db")

    def crash(connection: object, revision: str = HEAD) -> None:
        upgrade(connection, revision)  # type: ignore[arg-type] # what migrate hands over
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "upgrade", crash)
        with pytest.raises(KeyboardInterrupt):
            database.migrate()
    assert _tables(database) == set()
    assert database.migrate() is True
    assert _tables(database) == {*Base.metadata.tables, "alembic_version"}
    database.close()


def test_a_database_of_a_later_version_is_refused_and_left_alone(database: Database) -> None:
    """Nobody knows what its tables mean."""
    with database.unit_of_work() as uow:
        uow.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        uow.commit()
    with pytest.raises(Conflict, match="later version of oO"):
        database.migrate()
    with database.read() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_downgrade_works_on_data_and_back(database: Database, person: PersonId) -> None:
    """Going back to nothing and up again works with rows in the tables."""
    add_person(database, person)
    with database.unit_of_work() as uow:
        downgrade(uow.session.connection(), "base")
        uow.commit()
    assert _tables(database) <= {"alembic_version"}
    assert database.migrate() is True
    with database.read() as session:
        assert session.get(PersonRow, person) is None


def test_every_table_declares_how_long_it_keeps_what() -> None:
    """The retention contract and the schema name the same tables, and its columns exist."""
    assert TABLES.keys() == Base.metadata.tables.keys()
    for name, retention in TABLES.items():
        assert retention.since is None or retention.since in Base.metadata.tables[name].columns


def test_every_table_declares_how_a_person_leaves_it() -> None:
    """A table with a person deletes by person, one that hangs on a decision with the decision, others know nobody."""
    for name, table in Base.metadata.tables.items():
        cascades = {key.column.table.name for key in table.foreign_keys if key.ondelete == "CASCADE"}
        match TABLES[name].exit:
            case Exit.DELETE_BY_PERSON:
                assert name == "people" or ("person" in table.columns and "people" in cascades)
            case Exit.DELETE_BY_DECISION:
                assert "decisions" in cascades
            case _:
                assert "person" not in table.columns


def test_only_its_owner_can_read_the_database(home: Path) -> None:
    """The file and its companions are private from the first byte."""
    database = open_database(home / "deep" / "app.db")
    database.migrate()
    with database.read():
        modes = {path.stat().st_mode & 0o777 for path in (home / "deep").iterdir()}
    database.close()
    assert modes == {0o600}


def _tables(database: Database) -> set[str]:
    with database.read() as session:
        return set(inspect(session.connection()).get_table_names())
