"""Laws of experiments: one at a time, audited, ended by command or by date."""

import pytest

from data_contracts.errors import Conflict
from data_contracts.identifiers import PolicyDigest
from infra.database.audit import audit_log
from infra.database.engine.database import Database
from infra.database.policies import experiments, policies
from infra.database.policies.experiments import BY_DATE, Experiment

OLD, NEW = (PolicyDigest(letter * 64) for letter in "ab")


@pytest.fixture
def ruled(database: Database) -> Database:
    """Return a database with two policies, of which the old one decides."""
    with database.unit_of_work() as uow:
        for digest in (OLD, NEW):
            policies.register(
                uow, digest=digest, name="uniform", registry_version=None, manifest={}, metrics={}, created_us=1
            )
        policies.swap_champion(uow, digest=OLD, expected_revision=0, at_us=2, actor="test")
        uow.commit()
    return database


def begin(
    database: Database, name: str, *, began_us: int = 10, ends_us: int = 20, champion: PolicyDigest = OLD
) -> None:
    """Begin an experiment and commit."""
    with database.unit_of_work() as uow:
        experiments.begin(uow, Experiment(name, champion, NEW, 0.5, began_us, ends_us), actor="ada")
        uow.commit()


def test_one_experiment_runs_from_its_beginning_to_its_date_or_its_end(ruled: Database) -> None:
    """At each instant `running` tells the truth, a second one is refused, and every change has its audit line."""
    begin(ruled, "first")
    with pytest.raises(Conflict, match="runs already"):
        begin(ruled, "second", began_us=19)
    with ruled.read() as session:
        found = [experiments.running(session, at_us) is not None for at_us in (9, 10, 19, 20)]
    assert found == [False, True, True, False]
    begin(ruled, "second", began_us=25, ends_us=50)  # the first one's date has come
    with ruled.unit_of_work() as uow:
        ended = experiments.end(uow, at_us=30, why="enough", actor="ada")
        assert experiments.end(uow, at_us=31, why="again", actor="ada") is None
        uow.commit()
    assert ended is not None
    assert (ended.id, ended.ended_us, ended.ended_why) == ("second", 30, "enough")
    with ruled.read() as session:
        assert experiments.running(session, 30) is None
        assert experiments.newest(session) == ended
        lines = [line for line in audit_log.newest(session) if line.action.startswith("experiment")]
    told = [(line.action, line.detail["id"], line.detail.get("why")) for line in lines]
    assert sorted(told) == [
        ("experiment_began", "first", None),
        ("experiment_began", "second", None),
        ("experiment_ended", "first", BY_DATE),
        ("experiment_ended", "second", "enough"),
    ]


def test_an_experiment_is_against_the_policy_in_the_slot(ruled: Database) -> None:
    """One that was begun against another champion is refused, and leaves nothing behind."""
    with pytest.raises(Conflict, match="changed the champion"):
        begin(ruled, "late", champion=NEW)
    with ruled.read() as session:
        assert experiments.newest(session) is None
