"""Laws of a live experiment's life: begun for a harmless challenger alone, compared, and ended by itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from data_contracts.errors import Conflict, Malformed, NotFound, PromotionRefused
from data_contracts.identifiers import PolicyDigest, to_us
from flows.context import FlowContext, opened
from flows.learning import experiments
from flows.learning.champion_swap import KEPT_IN_SHADOW, introduce, retire_old_challengers
from flows.learning.learning_report import audit_learning
from flows.learning.promotion import compare, promote
from flows.learning.sandbox import Sandbox, begin, live
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
def simulated_home(home: Path) -> Iterator[tuple[FlowContext, PolicyRegistry]]:
    """Give a sandbox of twelve people with the clock that it has now."""
    with opened(Settings(home=home)) as context:
        yield context, open_registry(context)


def challenge(context: FlowContext, registry: PolicyRegistry, policy: ArtifactPolicy) -> PolicyDigest:
    """Register a policy, and let it begin in shadow."""
    folder = artifact.save(
        policy, context.settings.policies, sign=context.seal.sign, data_digest="", origins={}, metrics={}
    )
    version = registry.register(folder)
    loaded = artifact.load(folder, verify=context.seal.holds)
    introduce(context, loaded, version, trained_until_us=0, actor="test")
    return loaded.policy.digest


@pytest.fixture
def lived(home: Path) -> Path:
    """Return a home in which twelve simulated people lived two days under the uniform control."""
    with simulated_home(home) as (context, registry):
        context.database.migrate()
        begin(context, registry, Sandbox(people=12, seed=3))
        live(context, days=2)
    return home


def test_an_experiment_is_lived_compared_audited_and_ended_with_its_champion(lived: Path) -> None:
    """Arms are as large as their shares, each has its policy's decisions alone, and a promotion ends it."""
    with simulated_home(lived) as (context, registry):
        digest = challenge(context, registry, trained("epsilon_greedy", warm_start(5, count=20, days=10)))
        with pytest.raises(PromotionRefused, match="shadow_missing"):
            experiments.begin(context, registry, digest, share=0.4, days=9, actor="test")
        with pytest.raises(Malformed, match="share"):
            experiments.begin(context, registry, digest, share=0.6, days=9, actor="test")
        compare(context)
        made = experiments.begin(context, registry, digest, share=0.4, days=9, actor="test", override="a sandbox")
        with pytest.raises(Conflict, match="runs already"):
            experiments.begin(context, registry, digest, share=0.4, days=9, actor="test", override="again")
        live(context, days=5)
    with simulated_home(lived) as (context, registry):
        told = audit_learning(context)["experiment"]
        assert (told["id"], told["ended_us"], told["sample_ratio"]["verdict"]) == (made.id, None, BALANCED)
        champion, challenger = told["arms"]
        assert challenger["policy_digest"] == digest
        assert champion["days"] + challenger["days"] == sum(told["sample_ratio"]["units"].values())
        assert champion["decisions"] + challenger["decisions"] == 5 * 8 * 12
        assert challenger["value"] > champion["value"]
        assert challenger["low"] <= challenger["value"] <= challenger["high"]
        for number in range(KEPT_IN_SHADOW):  # newer ones do not push the tried one out of the shadow
            challenge(context, registry, trained("greedy", warm_start(6 + number, count=2, days=2)))
        retire_old_challengers(context)
        with context.database.read() as session:
            assert digest in [row.digest for row in policies.list_all(session, "shadow")]
        promote(context, registry, digest, actor="test", override="enough seen")
        told = experiments.look(context, actor="test")
        assert told is not None
        assert told["ended_why"] == "the champion changed"
        with pytest.raises(NotFound, match="no experiment"):
            experiments.end(context, actor="test", why="too late")


def test_a_challenger_that_is_shown_to_be_worse_loses_its_days_by_itself(lived: Path) -> None:
    """Harm is refused before and seen after: who rejects what people like goes before the date, audited."""
    with simulated_home(lived) as (context, registry):
        good = trained("greedy", warm_start(5, count=40, days=20)).arrays
        bad = Greedy(LinearModel.from_arrays({**good, "mean": -good["mean"]}))
        promote(
            context,
            registry,
            challenge(context, registry, Greedy(LinearModel.from_arrays(good))),
            actor="test",
            override="first",
        )
        digest = challenge(context, registry, bad)
        live(context, days=1)
    with simulated_home(lived) as (context, registry):
        compare(context)
        with pytest.raises(PromotionRefused):
            experiments.begin(context, registry, digest, share=0.5, days=300, actor="test")
        made = experiments.begin(context, registry, digest, share=0.5, days=300, actor="test", override="to see it")
        live(context, days=12)
    with simulated_home(lived) as (context, _):
        told = experiments.look(context, actor="test")
        assert told is not None
        assert (told["verdict"], told["ended_why"]) == (WORSE, "the challenger is shown to be worse")
        with context.database.read() as session:
            assert stored.running(session, to_us(context.clock())) is None
            ended = [line.detail["id"] for line in audit_log.newest(session, action="experiment_ended")]
            began = audit_log.newest(session, action="experiment_began")[0].detail
    assert ended == [made.id]
    assert began["override_reason"] == "to see it"
