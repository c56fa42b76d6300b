"""Laws of the champion's slot."""

import threading

import pytest

from data_contracts.errors import NotFound
from data_contracts.identifiers import PolicyDigest
from infra.database.audit import audit_log
from infra.database.engine.database import Database
from infra.database.policies import policies, shadow
from infra.database.policies.policies import Swap

OLD, NEW, THIRD = (PolicyDigest(letter * 64) for letter in "abc")


@pytest.fixture
def registered(database: Database) -> Database:
    """Return a database with three policies, of which none decides."""
    with database.unit_of_work() as uow:
        for created_us, digest in enumerate((OLD, NEW, THIRD)):
            assert policies.register(
                uow,
                digest=digest,
                name="linear_thompson",
                registry_version="1",
                manifest={"d": 8},
                metrics={"value": 0.5},
                created_us=created_us,
            )
        uow.commit()
    return database


def _swap(database: Database, digest: PolicyDigest, revision: int, actor: str = "test", at_us: int = 5) -> Swap:
    with database.unit_of_work() as uow:
        swap = policies.swap_champion(uow, digest=digest, expected_revision=revision, at_us=at_us, actor=actor)
        uow.commit()
    return swap


def test_a_policy_is_registered_once(registered: Database) -> None:
    """The same artifact again changes nothing, not even its stage."""
    _swap(registered, OLD, 0)
    with registered.unit_of_work() as uow:
        assert not policies.register(
            uow, digest=OLD, name="x", registry_version=None, manifest={}, metrics={}, created_us=9
        )
        assert policies.get(uow.session, OLD).stage == "champion"
        assert [row.digest for row in policies.list_all(uow.session)] == [THIRD, NEW, OLD]


def test_the_champion_changes_only_at_the_expected_revision(registered: Database) -> None:
    """Whoever looked too long ago loses, sees who decides, and leaves a line in the audit."""
    assert _swap(registered, OLD, 0).won
    assert _swap(registered, NEW, 1, at_us=6).won
    late = _swap(registered, THIRD, 1, at_us=7)
    assert not late.won
    assert (late.champion.digest, late.champion.revision) == (NEW, 2)
    with registered.read() as session:
        assert [policies.get(session, each).stage for each in (OLD, NEW, THIRD)] == [
            "retired",
            "champion",
            "registered",
        ]
        assert [line.action for line in audit_log.newest(session)] == [
            "champion_change_refused",
            "champion_changed",
            "champion_changed",
        ]


def test_of_racers_exactly_one_wins_and_the_audit_shows_all(registered: Database) -> None:
    """Two and more promoters at the same revision: one champion, one audit line each."""
    start = threading.Barrier(4)
    swaps: list[Swap] = []

    def race(number: int) -> None:
        start.wait()
        swaps.append(_swap(registered, (OLD, NEW, THIRD, OLD)[number], 0, actor=f"racer {number}"))

    racers = [threading.Thread(target=race, args=(number,)) for number in range(4)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert [swap.won for swap in swaps].count(True) == 1
    winner = next(swap.champion for swap in swaps if swap.won)
    with registered.read() as session:
        assert policies.champion(session) == winner
        assert winner.revision == 1
        assert {line.actor for line in audit_log.newest(session)} == {f"racer {number}" for number in range(4)}
        assert [row.digest for row in policies.list_all(session, "champion")] == [winner.digest]


def test_an_unknown_policy_never_decides(registered: Database) -> None:
    """What was not registered cannot be promoted, and the champion cannot be staged away."""
    with pytest.raises(NotFound):
        _swap(registered, PolicyDigest("f" * 64), 0)
    _swap(registered, OLD, 0)
    with registered.unit_of_work() as uow, pytest.raises(NotFound):
        policies.set_stage(uow, OLD, "retired")


def test_an_override_is_kept_with_its_reason(registered: Database) -> None:
    """Who overrode the gate and why stands in the slot and in the audit."""
    with registered.unit_of_work() as uow:
        policies.swap_champion(
            uow, digest=OLD, expected_revision=0, at_us=5, actor="cli", override_reason="the gate is wrong"
        )
        uow.commit()
    with registered.read() as session:
        assert policies.champion(session).override_reason == "the gate is wrong"
        assert audit_log.newest(session, action="champion_changed")[0].detail["override_reason"] == "the gate is wrong"


def test_the_newest_comparison_of_two_policies_is_the_evidence(registered: Database) -> None:
    """Evidence belongs to one pair, in one direction."""
    with registered.unit_of_work() as uow:
        for at_us, agreement in enumerate((0.5, 0.75)):
            shadow.add_comparison(
                uow,
                comparison_id=str(at_us),
                challenger=NEW,
                incumbent=OLD,
                decisions=9,
                agreement=agreement,
                value_difference=0.1,
                at_us=at_us,
            )
        found = shadow.comparison(uow.session, NEW, OLD)
        assert found is not None
        assert found.agreement == 0.75
        assert shadow.comparison(uow.session, OLD, NEW) is None
