"""Laws of the way back: by hand, and by itself."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from data_contracts.decisions import Origin
from data_contracts.errors import NotFound
from data_contracts.identifiers import PersonId
from flows.context import OpenedContext
from flows.learning import rollback as rollback_flow
from flows.learning.gate_evidence import Trained, evidence_of
from flows.learning.promotion import promote
from flows.learning.rollback import Change, judge_champion, last_change, rollback
from flows.learning.training import open_registry, retrain
from infra.database.audit import audit_log
from infra.database.engine.database import Database
from infra.database.policies import policies
from infra.settings import Settings
from models.policies import artifact
from models.promotion.demotion import promise
from models.promotion.gate import KEEP, ShadowComparison, gate
from tests.flows.test_learning import live
from tests.serving.conftest import afternoon
from tests.serving.world import World, world


@pytest.fixture
def living(home: Path, database: Database, person: PersonId) -> Iterator[World]:
    """Return a world without any policy."""
    with world(home, database, person, afternoon(), policy=False) as built:
        yield built


@pytest.fixture
def context(living: World, home: Path) -> OpenedContext:
    """Return the world's stores as a flow sees them."""
    settings = Settings(home=home)
    return OpenedContext(
        settings, living.database, living.vault, living.seal, living.online, living.stream, living.clock
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_champion_goes_back_by_hand_and_by_itself(
    living: World, context: OpenedContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollback returns to what was replaced; low live rewards do it unasked; each leaves its reason in the audit."""
    registry = open_registry(context)
    first = retrain(context, registry, living.clock(), warm_people=3).digest
    promote(context, registry, first, actor="test", bootstrap=True)
    with pytest.raises(NotFound):
        rollback(context, registry, actor="test", reason="nothing to go back to")
    assert judge_champion(context, registry, actor="test").demoted is None
    live(living, tips=2)
    second = retrain(context, registry, living.clock(), warm_people=4).digest
    promote(context, registry, second, actor="test", override="a test")
    early = judge_champion(context, registry, actor="test")
    assert (early.demoted, early.reference) == (None, None)  # too few rewards of the first to promise anything
    monkeypatch.setattr(rollback_flow, "last_change", lambda *_: Change(first, 0, 0.4))
    monkeypatch.setattr(rollback_flow, "rewards_of", lambda *_: np.full(200, 0.02))
    made = judge_champion(context, registry, actor="test").demoted
    assert made is not None
    assert (made.digest, made.replaced) == (first, second)
    assert made.reason.startswith("demoted: mean live reward is in")
    monkeypatch.undo()
    assert rollback(context, registry, actor="test", reason="second thoughts").digest == second
    back = last_change(context, second)
    assert back is not None
    assert back.replaced == first
    assert back.reference == promise(np.full(200, 0.02))  # what the first had to keep up with, since it said little
    with context.database.read() as session:
        assert policies.champion(session).digest == second
        lines = audit_log.newest(session, action="champion_changed")
    assert {line.detail["override_reason"] for line in lines} == {None, "a test", made.reason, "second thoughts"}
    assert "champion" in next(each for each in registry.versions() if each.digest == second).aliases


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_gate_is_asked_with_numbers_from_the_log(living: World, context: OpenedContext) -> None:
    """Evidence is gathered from the incumbent's own live decisions, and a few of them are named as too few."""
    registry = open_registry(context)
    first = retrain(context, registry, living.clock(), warm_people=3).digest
    promote(context, registry, first, actor="test", bootstrap=True)
    comparison = ShadowComparison(first, first, Origin.LIVE, decisions=60, agreement=0.5, value_difference=0.1)
    challenger = artifact.load(context.settings.policies / first, verify=context.seal.holds).policy
    new = Trained(0, 0)
    empty = gate(evidence_of(context.database, challenger, comparison, new))
    assert (empty.verdict, empty.failing, empty.value) == (KEEP, "too_few_rows", 0)
    live(living, tips=3)
    living.pass_time(hours=6)
    evidence = evidence_of(context.database, challenger, comparison, new)
    assert evidence.rows >= 3
    assert evidence.origin == "live"
    assert evidence.lift == pytest.approx(0.0, abs=0.05)  # the incumbent against itself
    assert gate(evidence).failing == "too_few_rows"
