"""Laws of a live experiment's life: begun for a harmless challenger alone, compared, and ended by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_contracts.errors import Conflict, Malformed, NotFound, PromotionRefused
from data_contracts.identifiers import PolicyDigest, to_us
from flows.context import FlowParts, opened
from flows.learning import experiments
from flows.learning.champion_swap import KEPT_IN_SHADOW, introduce, retire_old_challengers
from flows.learning.learning_report import audit_learning
from flows.learning.promotion import compare, promote
from flows.learning.sandbox import Rehearsal, begin, live
from flows.learning.training import open_registry
from infra.database.audit import audit_log
from infra.database.policies import experiments as stored
from infra.database.policies import policies
from infra.settings import Settings
from models.estimators.evaluation import WORSE
from models.policies import Greedy, artifact
from models.policies.artifact_policy import ArtifactPolicy
from models.policies.laws import trained
from models.promotion.experiments import BALANCED
from models.registry.policy_registry import PolicyRegistry
from models.rewards.linear import LinearModel
from models.simulation.warm_start import warm_start


@contextmanager
def household(home: Path) -> Iterator[tuple[FlowParts, PolicyRegistry]]:
    """Give a rehearsal of twelve people with the clock that it has now."""
    with opened(Settings(home=home)) as parts:
        yield parts, open_registry(parts)


def challenge(parts: FlowParts, registry: PolicyRegistry, policy: ArtifactPolicy) -> PolicyDigest:
    """Register a policy, and let it begin in shadow."""
    folder = artifact.save(
        policy, parts.settings.policies, sign=parts.seal.sign, data_digest="", origins={}, metrics={}
    )
    version = registry.register(folder)
    loaded = artifact.load(folder, verify=parts.seal.holds)
    introduce(parts, loaded, version, trained_until_us=0, actor="test")
    return loaded.policy.digest


@pytest.fixture
def rehearsed(home: Path) -> Path:
    """Return a home in which twelve simulated people lived two days under the uniform control."""
    with household(home) as (parts, registry):
        parts.database.migrate()
        begin(parts, registry, Rehearsal(people=12, seed=3))
        live(parts, days=2)
    return home


def test_an_experiment_is_lived_compared_audited_and_ended_with_its_champion(rehearsed: Path) -> None:
    """Arms are as large as their shares, each has its policy's decisions alone, and a promotion ends it."""
    with household(rehearsed) as (parts, registry):
        digest = challenge(parts, registry, trained("epsilon_greedy", warm_start(5, count=20, days=10)))
        with pytest.raises(PromotionRefused, match="shadow_missing"):
            experiments.begin(parts, registry, digest, share=0.4, days=9, actor="test")
        with pytest.raises(Malformed, match="share"):
            experiments.begin(parts, registry, digest, share=0.6, days=9, actor="test")
        compare(parts)
        made = experiments.begin(parts, registry, digest, share=0.4, days=9, actor="test", override="a rehearsal")
        with pytest.raises(Conflict, match="runs already"):
            experiments.begin(parts, registry, digest, share=0.4, days=9, actor="test", override="again")
        live(parts, days=5)
    with household(rehearsed) as (parts, registry):
        told = audit_learning(parts)["experiment"]
        assert (told["id"], told["ended_us"], told["sample_ratio"]["verdict"]) == (made.id, None, BALANCED)
        champion, challenger = told["arms"]
        assert challenger["policy_digest"] == digest
        assert champion["days"] + challenger["days"] == sum(told["sample_ratio"]["units"].values())
        assert champion["decisions"] + challenger["decisions"] == 5 * 8 * 12
        assert challenger["value"] > champion["value"]
        assert challenger["low"] <= challenger["value"] <= challenger["high"]
        for number in range(KEPT_IN_SHADOW):  # newer ones do not push the tried one out of the shadow
            challenge(parts, registry, trained("greedy", warm_start(6 + number, count=2, days=2)))
        retire_old_challengers(parts)
        with parts.database.read() as session:
            assert digest in [row.digest for row in policies.list_all(session, "shadow")]
        promote(parts, registry, digest, actor="test", override="enough seen")
        told = experiments.look(parts, actor="test")
        assert told is not None
        assert told["ended_why"] == "the champion changed"
        with pytest.raises(NotFound, match="no experiment"):
            experiments.end(parts, actor="test", why="too late")


def test_a_challenger_that_is_shown_to_be_worse_loses_its_days_by_itself(rehearsed: Path) -> None:
    """Harm is refused before and seen after: who rejects what people like goes before the date, audited."""
    with household(rehearsed) as (parts, registry):
        good = trained("greedy", warm_start(5, count=40, days=20)).arrays
        bad = Greedy(LinearModel.from_arrays({**good, "mean": -good["mean"]}))
        promote(
            parts,
            registry,
            challenge(parts, registry, Greedy(LinearModel.from_arrays(good))),
            actor="test",
            override="first",
        )
        digest = challenge(parts, registry, bad)
        live(parts, days=1)
    with household(rehearsed) as (parts, registry):
        compare(parts)
        with pytest.raises(PromotionRefused):
            experiments.begin(parts, registry, digest, share=0.5, days=300, actor="test")
        made = experiments.begin(parts, registry, digest, share=0.5, days=300, actor="test", override="to see it")
        live(parts, days=12)
    with household(rehearsed) as (parts, _):
        told = experiments.look(parts, actor="test")
        assert told is not None
        assert (told["verdict"], told["ended_why"]) == (WORSE, "the challenger is shown to be worse")
        with parts.database.read() as session:
            assert stored.running(session, to_us(parts.clock())) is None
            ended = [line.detail["id"] for line in audit_log.newest(session, action="experiment_ended")]
            began = audit_log.newest(session, action="experiment_began")[0].detail
    assert ended == [made.id]
    assert began["override_reason"] == "to see it"
