"""Resolves the log and the policy of an evaluation."""

from datetime import datetime
from pathlib import Path

from data_contracts.errors import Malformed, NotFound
from data_contracts.identifiers import PolicyDigest, to_us
from infra.database.policies import policies
from models.estimators.evaluation import Evaluation, evaluate
from models.logs.logged_decisions import DecisionLog, PolicyTarget
from models.logs.open_bandit import OpenBanditLog, distribution_from, uniform
from models.policies import POLICIES, ScoreRule, Uniform
from models.policies.policy import Policy
from oo.actions.champions import resolve
from oo.runtime import Runtime

UNIFORM = Uniform.NAME


def evaluate_file(runtime: Runtime, path: Path, *, policy: str, layout: str, seed: int) -> Evaluation:
    """Return what the log in a file says about a policy; raises `Malformed`, `NotFound`."""
    if not path.exists():
        raise NotFound(f"there is no file {path.name}")
    if layout == "obd":
        log = OpenBanditLog(path)
        if policy == UNIFORM:
            return evaluate(log, uniform(log), seed=seed)
        if not Path(policy).exists():
            raise NotFound("with --format obd a policy is `uniform`, or a CSV file item_id,position,probability")
        return evaluate(log, distribution_from(Path(policy), log), seed=seed)
    if layout != "oo":
        raise Malformed(f"--format is oo or obd, not {layout!r}")
    return evaluate(DecisionLog(path), PolicyTarget(policy_of(runtime, policy)), seed=seed)


def instant_us(text: str | None, default: int) -> int:
    """Return an instant with zone in microseconds, or the default; raises `Malformed`."""
    if text is None:
        return default
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"an instant looks like 2026-11-25T10:40+01:00, not {text!r}") from error
    if at.tzinfo is None:
        raise Malformed(f"the instant {text!r} has no zone")
    return to_us(at)


def policy_of(runtime: Runtime, wanted: str) -> Policy:
    """Return a policy by digest, or by name: that way of choosing on the champion's model, else the newest trained."""
    if wanted == UNIFORM:
        return Uniform()
    if wanted not in POLICIES:
        return runtime.learning.policy_cache.get(resolve(runtime, wanted))
    with runtime.database.read() as session:
        champion, known = policies.champion(session).digest, policies.list_all(session)
    if champion is None:
        raise NotFound("there is no champion yet whose model could be used; `oo train`, then `oo promote --bootstrap`")
    kind, held = POLICIES[wanted], runtime.learning.policy_cache.get(champion)
    if isinstance(held, ScoreRule) and issubclass(kind, ScoreRule) and kind.MODEL is held.MODEL:
        return kind.from_arrays(held.arrays)
    newest = next((row.digest for row in known if row.name == wanted), None)
    if newest is None:
        raise NotFound(f"the champion's model is none for {wanted}, and none was trained; `oo train --policy {wanted}`")
    return runtime.learning.policy_cache.get(PolicyDigest(newest))
