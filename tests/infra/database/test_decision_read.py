"""Laws of the hot read."""

from collections.abc import Iterator

import pytest

from data_contracts.features import Source
from data_contracts.identifiers import ClusterId, PersonId, PolicyDigest, new_person
from infra.database.decisions import person_posteriors, reactions
from infra.database.decisions.decision_read import PersonNow, PersonNowReader
from infra.database.decisions.person_posteriors import StoredPosterior
from infra.database.decisions.writer import DecisionWriter
from infra.database.engine.database import Database
from infra.database.events import working_state
from infra.database.events.working_state import FoldHead
from infra.database.maintenance import erasure
from infra.database.people import consents, people
from infra.database.policies import policies
from tests.infra.database.rows import DIGEST, add_person, decision


@pytest.fixture
def reader(database: Database) -> Iterator[PersonNowReader]:
    """Return a reader with a connection of its own."""
    opened = PersonNowReader(database)
    yield opened
    opened.close()


@pytest.fixture
def writer(database: Database) -> Iterator[DecisionWriter]:
    """Return a writer with a connection of its own."""
    opened = DecisionWriter(database)
    opened.start()
    yield opened
    opened.close()


def _read(reader: PersonNowReader, person: PersonId, now_us: int = 1_000) -> PersonNow:
    found = reader.read(person, policy_digest=DIGEST, now_us=now_us, spent_since_us=0)
    assert found is not None
    return found


def test_nobody_is_none(reader: PersonNowReader) -> None:
    """A stranger is an absent value."""
    assert reader.read(new_person(), policy_digest=DIGEST, now_us=1, spent_since_us=0) is None


def test_a_new_person_has_nothing_yet(database: Database, reader: PersonNowReader, person: PersonId) -> None:
    """Every part that does not exist is empty, and none is invented."""
    add_person(database, person)
    now = _read(reader, person)
    assert (now.person, now.zone, now.role, now.quiet_start_min, now.quiet_end_min) == (
        person,
        "Europe/Berlin",
        "member",
        1_320,
        480,
    )
    assert (now.consent_mask, now.consent_epoch, now.session_epoch, now.erasing) == (0, 0, 0, False)
    assert (now.sequence, now.as_of_us, now.champion, now.champion_revision) == (0, 0, None, 0)
    assert (now.blocks, now.interruptions_us, now.part, now.newest) == ((), (), None, None)


def test_everything_is_read_in_one_statement(
    database: Database, reader: PersonNowReader, writer: DecisionWriter, person: PersonId
) -> None:
    """What the ordinary functions wrote comes back whole."""
    add_person(database, person, granted=(Source.TASKS, Source.MOOD))
    part = StoredPosterior(3, 50, "e", b"\x00part")
    with database.unit_of_work() as uow:
        working_state.set_heads(uow, {person: FoldHead(7, 70)})
        person_posteriors.save(uow, person=person, digest=DIGEST, part=part, updated_us=60)
        policies.register(uow, digest=DIGEST, name="p", registry_version=None, manifest={}, metrics={}, created_us=1)
        policies.swap_champion(uow, digest=DIGEST, expected_revision=0, at_us=5, actor="test")
        for cluster, until_us in (("b", 1_001), ("a b", 2_000), ("over", 1_000)):
            reactions.block(uow, person=person, cluster=ClusterId(cluster), until_us=until_us)
        uow.commit()
    writer.write(decision(person, "d1", 100, trigger="unsolicited"))
    writer.write(decision(person, "d2", 200, trigger="unsolicited", silent=True))
    writer.write(decision(person, "d3", 300, trigger="unsolicited"))
    writer.write(decision(person, "d4", 300, subject="s"))
    now = _read(reader, person)
    assert now.consent_mask == consents.bit(Source.TASKS) | consents.bit(Source.MOOD)
    assert (now.sequence, now.as_of_us, now.champion, now.champion_revision) == (7, 70, DIGEST, 1)
    assert now.part == part
    assert now.blocks == (("a b", 2_000), ("b", 1_001))
    assert sorted(now.interruptions_us) == [100, 300]
    assert [now.spent(since_us) for since_us in (0, 101, 300, 301)] == [2, 1, 1, 0]
    assert now.newest is not None
    assert now.newest._asdict() == {
        "id": "d4",
        "at_us": 300,
        "trigger": "open",
        "silent": False,
        "cluster": "rest.break",
        "subject": "s",
        "policy_digest": DIGEST,
        "expires_us": 1_300,
        "shown_us": None,
        "closed_us": None,
        "closed_by": None,
        "text_box": b"sealed",
    }
    assert reader.read(person, policy_digest=PolicyDigest("0"), now_us=1, spent_since_us=0)._replace(blocks=()) == (  # type: ignore[union-attr] # they are there
        now._replace(part=None, blocks=())
    )


def test_a_read_is_never_older_than_a_commit(
    database: Database, reader: PersonNowReader, writer: DecisionWriter, person: PersonId
) -> None:
    """After each commit of any other connection the next read knows it: decisions, preferences, consents, erasure."""
    add_person(database, person)
    for number in range(50):
        writer.write(decision(person, f"d{number:03}", number))
        newest = _read(reader, person).newest
        assert newest is not None
        assert newest.id == f"d{number:03}"
        with database.unit_of_work() as uow:
            people.set_preferences(uow, person=person, budget=number % 5)
            uow.commit()
        assert _read(reader, person).budget == number % 5
    with database.unit_of_work() as uow:
        erasure.begin(uow, person)
        uow.commit()
    assert _read(reader, person).erasing


def test_a_reader_holds_no_snapshot(database: Database, reader: PersonNowReader, person: PersonId) -> None:
    """A read leaves nothing behind that a checkpoint would have to wait for."""
    add_person(database, person)
    _read(reader, person)
    assert database.checkpoint("TRUNCATE").complete


def test_a_reader_outlives_its_connection(postgresql_url: str, person: PersonId) -> None:
    """When the server drops the connection, the next read opens another one."""
    from infra.database.engine.database import open_database  # noqa: PLC0415 - one test of one dialect

    database = open_database(postgresql_url)
    add_person(database, person)
    reader = PersonNowReader(database)
    _read(reader, person)
    with database.unit_of_work() as uow:
        uow.session.connection().exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database()"
        )
    assert _read(reader, person).person == person
    reader.close()
    database.close()
