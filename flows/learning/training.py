"""Trains a policy from the decision log: point-in-time contexts by Feast, the simulated warm start as prior.

The log is read page by page; what a page teaches is a sum, and sums add up, so a month takes no more memory than a day.
Which decisions count is a matter of the window's end, and everything else is fixed, so a window that is trained twice
gives the same digest and one registered version. A fifth of all person-days is never learned from: the gate's share.

In a sandbox contexts are the logged ones, since simulated people have no history, and there is no warm start.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from data_contracts.decisions import Decision, Origin, unpack
from data_contracts.identifiers import PolicyDigest, to_us
from data_contracts.retention import LOG_DAYS
from flows.context import FlowContext
from flows.learning.champion_swap import introduce, reconcile
from flows.upkeep.feature_refresh import build_features, open_feast
from infra.database.decisions import decisions
from infra.fault_injection import crash_point
from models.policies import POLICIES, LinearThompson, artifact
from models.promotion.experiments import held_out
from models.registry.policy_registry import PolicyRegistry
from models.rewards import fitting
from models.rewards.training import Bools, DataDigest, Evidence, Floats, TrainingRows, fit, gather, joined, nothing
from models.simulation.warm_start import warm_start

PAGE = 1_000
WARM_SEED = 20_260_101
WARM_PEOPLE = 200


class Retrained(NamedTuple):
    """What a run made; `skew` is the share of decisions whose context history tells otherwise than the log."""

    digest: PolicyDigest
    version: int
    new: bool
    live_rows: int
    simulated_rows: int
    skew: float


class Learned(NamedTuple):
    """What the log taught, in sums, and the digest of its rows so far."""

    evidence: Evidence
    data: DataDigest
    rows: int
    skewed: int
    kept: tuple[TrainingRows, ...] = ()


class _Page(NamedTuple):
    rows: TrainingRows
    skewed: int


def retrain(
    context: FlowContext,
    registry: PolicyRegistry,
    until: datetime,
    *,
    warm_people: int = WARM_PEOPLE,
    actor: str = "flow:retrain_policy",
    policy: str = LinearThompson.NAME,
) -> Retrained:
    """Train on everything that was decided before `until`, register the artifact, and make it the challenger.

    `policy` is a name of `models.policies.POLICIES`. What is not learned from sums needs the whole window in memory.
    """
    kind = POLICIES[policy]
    reconcile(context, registry)
    sums = fitting.from_sums(kind)
    taught = learn(context, until, keep=not sums)
    sandbox = context.settings.evidence is Origin.SIMULATED
    prior = warm_start(WARM_SEED, count=0 if sandbox else warm_people)
    trained = fit(taught.evidence + gather(prior)) if sums else fitting.learned(policy, joined([*taught.kept, prior]))
    told = Origin.SIMULATED if sandbox else Origin.LIVE
    folder = artifact.save(
        kind.from_arrays(trained.arrays),
        context.settings.policies,
        sign=context.seal.sign,
        data_digest=taught.data.add(prior).hex(),
        origins={**prior.origins(), told.value: taught.rows + prior.origins()[told.value]},
        metrics=trained.metrics,
    )
    crash_point("policy_saved")
    version = registry.register(folder)
    crash_point("policy_registered")
    loaded = artifact.load(folder, verify=context.seal.holds)
    digest = loaded.policy.digest
    new = introduce(context, loaded, version, trained_until_us=to_us(until), actor=actor)
    crash_point("challenger_in_shadow")
    registry.set_alias("challenger", digest)
    return Retrained(digest, version, new, taught.rows, prior.rewards.size, taught.skewed / max(taught.rows, 1))


def learn(context: FlowContext, until: datetime, *, keep: bool = False) -> Learned:
    """Return what the log before `until` teaches; one page of it is in memory at a time, unless its rows are kept."""
    learned = Learned(Evidence(nothing(), nothing()), DataDigest(), 0, 0)
    for page in _pages(context, until):
        learned = Learned(
            learned.evidence + gather(page.rows),
            learned.data.add(page.rows),
            learned.rows + page.rows.rewards.size,
            learned.skewed + page.skewed,
            (*learned.kept, page.rows) if keep else (),
        )
    return learned


def open_registry(context: FlowContext) -> PolicyRegistry:
    """Return the registry of a home."""
    home = context.settings.mlflow
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return PolicyRegistry(
        f"sqlite:///{home / 'mlflow.db'}",
        artifacts=home / "artifacts",
        policies=context.settings.policies,
        verify=context.seal.holds,
        reached=crash_point,
    )


def _pages(context: FlowContext, until: datetime) -> Iterator[_Page]:
    if context.settings.evidence is Origin.SIMULATED:
        for page in _settled(context, until):
            logged = [decision for decision, _ in page]
            vectors, masked = (np.array([getattr(each, name) for each in logged]) for name in ("vector", "masked"))
            yield _Page(_rows(page, vectors, masked), 0)
        return
    build_features(context)  # history must know what the decisions knew
    with ExitStack() as stack:
        store = None
        for page in _settled(context, until):
            from feature_repo.feast_store.training_sets import training_set  # noqa: PLC0415 - feast takes seven seconds

            store = store or stack.enter_context(open_feast(context))
            made = training_set(store, [decision for decision, _ in page])
            yield _Page(_rows(page, made.values, made.masked), made.skew.decisions - made.skew.equal)


def _rows(page: list[tuple[Decision, float]], vectors: Floats, masked: Bools) -> TrainingRows:
    return TrainingRows(
        vectors=vectors,
        masked=masked,
        actions=np.array([decision.actions[decision.chosen] for decision, _ in page]),
        rewards=np.array([reward for _, reward in page]),
        simulated=np.zeros(len(page), np.bool_),
    )


def _settled(context: FlowContext, until: datetime) -> Iterator[list[tuple[Decision, float]]]:
    """Yield pages of rewarded tips, by id; what was never shown has no reward, and silence teaches nothing."""
    since_us, until_us = to_us(until - timedelta(days=LOG_DAYS)), to_us(until)
    after_id = ""
    while True:
        with context.database.read() as session:
            page = decisions.settled_between(
                session,
                since_us=since_us,
                until_us=until_us,
                origin=context.settings.evidence,
                after_id=after_id,
                limit=PAGE,
            )
            kept = [
                (decision, row.reward)
                for row in page
                if not row.silent and row.reward is not None and not held_out(row.person, row.at_us)
                if (decision := unpack(row.record)).origin is context.settings.evidence  # whatever the row is labelled
            ]
        if kept:
            yield kept
        if len(page) < PAGE:
            return
        after_id = page[-1].id
