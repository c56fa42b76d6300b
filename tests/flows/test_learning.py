"""Laws of retraining and promotion, on decisions that were really made, through Feast and MLflow."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from data_contracts.errors import NotFound, PromotionRefused
from data_contracts.identifiers import PersonId
from data_contracts.rewards import ReactionKind
from flows.context import OpenedContext
from flows.learning.promotion import consider, promote
from flows.learning.training import open_registry, retrain
from infra.database.audit import audit_log
from infra.database.decisions import decisions, person_posteriors
from infra.database.engine.database import Database
from infra.database.policies import policies
from infra.settings import Settings
from models.policies import TreeSquareCB, artifact
from models.promotion.gate import MIN_DECISIONS
from tests.serving.conftest import afternoon
from tests.serving.world import World, world

ANSWERS = (ReactionKind.DONE, ReactionKind.NOT_NOW, ReactionKind.DONE, ReactionKind.NOT_FOR_ME)


@pytest.fixture
def living(home: Path, database: Database, person: PersonId) -> Iterator[World]:
    """Return a world without any policy."""
    with world(home, database, person, afternoon(), policy=False) as built:
        yield built


@pytest.fixture
def context(living: World, home: Path) -> OpenedContext:
    """Return the world's stores as a flow sees them."""
    grown = living.database.url.render_as_string(hide_password=False)
    settings = Settings(home=home, database_url=grown if living.database.dialect == "postgresql" else None)
    return OpenedContext(
        settings, living.database, living.vault, living.seal, living.online, living.stream, living.clock
    )


def live(living: World, tips: int) -> None:
    """Let time pass until so many tips were shown and answered."""
    answered = 0
    for number in range(100 * tips):
        answer = living.ask()
        if answer.tip is not None and answer.decision_id is not None and not answer.repeated:
            living.pass_time(seconds=1)  # what is seen in the very microsecond of its decision counts as known before
            living.reaction_handler.shown(living.person, answer.decision_id)
            living.pass_time(seconds=30)
            living.reaction_handler.react(living.person, answer.decision_id, ANSWERS[number % 4], f"key-{number}")
            answered += 1
        if answered == tips:
            living.pass_time(minutes=15)
            return
        living.pass_time(minutes=15)
    raise AssertionError("too few tips")


def test_the_first_champion_needs_bootstrap_and_is_not_replaced_unseen(living: World, context: OpenedContext) -> None:
    """Without shadow there is no promotion, and an override leaves its reason in the audit."""
    registry = open_registry(context)
    with pytest.raises(NotFound):
        promote(context, registry, actor="test")
    first = retrain(context, registry, living.clock(), warm_people=4)
    with pytest.raises(PromotionRefused, match="bootstrap_missing"):
        promote(context, registry, actor="test")
    assert promote(context, registry, actor="test", bootstrap=True).digest == first.digest
    second = retrain(context, registry, living.clock(), warm_people=5)
    assert second.digest != first.digest
    for bootstrap in (True, False):
        with pytest.raises(PromotionRefused):
            promote(context, registry, second.digest, actor="test", bootstrap=bootstrap)
    assert consider(context, registry).rule == "shadow_missing"
    made = promote(context, registry, second.digest, actor="test", override="the first one stutters")
    assert (made.replaced, made.revision) == (first.digest, 2)
    with context.database.read() as session:
        assert policies.champion(session).override_reason == "the first one stutters"
        changes = audit_log.newest(session, action="champion_changed")
    assert {line.detail["override_reason"] for line in changes} == {None, "the first one stutters"}
    assert {version.digest: version.aliases for version in registry.versions()} == {
        first.digest: (),
        second.digest: ("challenger", "champion"),
    }


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_one_window_is_one_version(living: World, context: OpenedContext) -> None:
    """A schedule that fires twice registers once."""
    registry = open_registry(context)
    first = retrain(context, registry, living.clock(), warm_people=3)
    living.pass_time(minutes=5)
    again = retrain(context, registry, living.clock() - timedelta(minutes=5), warm_people=3)
    assert (first.new, again.new) == (True, False)
    assert (again.digest, again.version) == (first.digest, first.version)
    assert len(registry.versions()) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_challenger_on_trees_decides_in_shadow_and_then_for_people(living: World, context: OpenedContext) -> None:
    """Trees are registered like any policy, see what the champion decides, and as champion they learn the person."""
    registry = open_registry(context)
    retrain(context, registry, living.clock(), warm_people=3)
    promote(context, registry, actor="test", bootstrap=True)
    live(living, tips=2)
    made = retrain(context, registry, living.clock(), warm_people=10, policy=TreeSquareCB.NAME)
    assert (made.new, made.live_rows) == (True, 2)
    assert consider(context, registry).views > 0
    promote(context, registry, made.digest, actor="test", override="to see it decide")
    living.pass_time(minutes=15)
    live(living, tips=2)
    with context.database.read() as session:
        assert person_posteriors.find(session, living.person, made.digest) is not None


def test_what_was_lived_is_learned_and_history_tells_what_the_policy_saw(living: World, context: OpenedContext) -> None:
    """Feast's point-in-time contexts are the logged ones, and live rows are told from simulated ones."""
    registry = open_registry(context)
    first = retrain(context, registry, living.clock(), warm_people=3)
    promote(context, registry, actor="test", bootstrap=True)
    live(living, tips=6)
    second = retrain(context, registry, living.clock(), warm_people=3)
    assert (second.live_rows, second.skew) == (6, 0.0)
    assert second.digest != first.digest
    manifest = artifact.load(context.settings.policies / second.digest, verify=context.seal.holds).manifest
    assert manifest["origins"] == {"live": 6, "simulated": second.simulated_rows}


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_challenger_of_two_days_is_refused_by_name(living: World, context: OpenedContext) -> None:
    """Views, a recorded comparison, then the verdict: at first the shadow run is too short, later the evidence."""
    registry = open_registry(context)
    retrain(context, registry, living.clock(), warm_people=30)
    incumbent = promote(context, registry, actor="test", bootstrap=True).digest
    live(living, tips=3)
    retrain(context, registry, living.clock(), warm_people=30)
    early = consider(context, registry)
    assert early.views > 0
    assert (early.compared, early.promoted, early.rule) == (1, 0, "too_few_shadow")
    while decided(living) < MIN_DECISIONS + 10:
        living.ask()
        living.pass_time(minutes=15)
    late = consider(context, registry)
    assert late.compared == 1
    with context.database.read() as session:
        champion = policies.champion(session).digest
    assert champion == incumbent
    assert late.rule == "too_few_rows"  # a day or two convince nobody
    assert consider(context, registry).compared == 0


def decided(living: World) -> int:
    """Return how many decisions there are."""
    with living.database.read() as session:
        return len(decisions.newest(session, living.person, 1_000))
