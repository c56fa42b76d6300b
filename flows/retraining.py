"""A policy from the decision log: contexts by Feast's point-in-time retrieval, the simulated warm start as prior.

Which decisions count is a matter of the window's end, and everything else is fixed, so a window that is trained twice
gives the same digest and one registered version.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np

from data_contracts.decisions import Decision, unpack
from data_contracts.features import FEATURES
from data_contracts.identifiers import PolicyDigest, to_us
from data_contracts.retention import LOG_DAYS
from flows.feature_building import build_features, open_feast
from flows.parts import FlowParts
from infra.crash_points import reach
from infra.database import decisions, policies
from models import artifact
from models.action_features import ACTION_COLUMNS
from models.policies import LinearThompson
from models.registry import PolicyRegistry
from models.simulation.warm_start import warm_start
from models.training import TrainingRows, data_digest, fit, gather

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


class _Live(NamedTuple):
    rows: TrainingRows
    skew: float


def retrain(
    parts: FlowParts, registry: PolicyRegistry, until: datetime, *, warm_people: int = WARM_PEOPLE
) -> Retrained:
    """Train on everything that was decided before `until`, register the artifact, and make it the challenger."""
    build_features(parts)  # history must know what the decisions knew
    live = _live_rows(parts, until)
    prior = warm_start(WARM_SEED, count=warm_people)
    trained = fit(gather(live.rows) + gather(prior))
    origins = {name: count + prior.origins()[name] for name, count in live.rows.origins().items()}
    folder = artifact.save(
        LinearThompson.from_arrays(trained.arrays),
        parts.settings.policies,
        sign=parts.seal.sign,
        data_digest=data_digest(_joined(live.rows, prior)),
        origins=origins,
        metrics=trained.metrics,
    )
    version = registry.register(folder)
    loaded = artifact.load(folder, verify=parts.seal.holds)
    digest = loaded.policy.digest
    with parts.database.unit_of_work() as uow:
        new = policies.register(
            uow,
            digest=digest,
            name=loaded.policy.name,
            registry_version=str(version),
            manifest={name: value for name, value in loaded.manifest.items() if name != "golden"},
            metrics=trained.metrics,
            created_us=to_us(parts.clock()),
        )
        if new:
            policies.set_stage(uow, digest, "shadow")
        uow.commit()
    registry.set_alias("challenger", digest)
    return Retrained(digest, version, new, live.rows.rewards.size, prior.rewards.size, live.skew)


def open_registry(parts: FlowParts) -> PolicyRegistry:
    """Return the registry of a home."""
    home = parts.settings.mlflow
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return PolicyRegistry(
        f"sqlite:///{home / 'mlflow.db'}",
        artifacts=home / "artifacts",
        policies=parts.settings.policies,
        verify=parts.seal.holds,
        reached=reach,
    )


def _live_rows(parts: FlowParts, until: datetime) -> _Live:
    logged = list(_settled(parts, until))
    if not logged:
        return _Live(_empty(), 0.0)
    from feature_repo.training_sets import training_set  # noqa: PLC0415 - feast takes seven seconds

    with open_feast(parts) as store:
        made = training_set(store, [decision for decision, _ in logged])
    rows = TrainingRows(
        vectors=made.values,
        masked=made.masked,
        actions=np.array([decision.actions[decision.chosen] for decision, _ in logged]),
        rewards=np.array([reward for _, reward in logged]),
        simulated=np.zeros(len(logged), np.bool_),
    )
    return _Live(rows, 1.0 - made.skew.equal / made.skew.decisions)


def _settled(parts: FlowParts, until: datetime) -> Iterator[tuple[Decision, float]]:
    """Yield rewarded tips, by id; what was never shown has no reward, and silence teaches nothing."""
    since_us, until_us = to_us(until - timedelta(days=LOG_DAYS)), to_us(until)
    after_id = ""
    while True:
        with parts.database.read() as session:
            page = decisions.settled_between(
                session, since_us=since_us, until_us=until_us, after_id=after_id, limit=PAGE
            )
            for row in page:
                if not row.silent and row.reward is not None:
                    yield unpack(row.record), row.reward
        if len(page) < PAGE:
            return
        after_id = page[-1].id


def _empty() -> TrainingRows:
    nothing = np.zeros((0, len(FEATURES)))
    return TrainingRows(
        nothing, nothing.astype(np.bool_), np.zeros((0, len(ACTION_COLUMNS))), np.zeros(0), np.zeros(0, np.bool_)
    )


def _joined(first: TrainingRows, second: TrainingRows) -> TrainingRows:
    return TrainingRows(
        np.concatenate((first.vectors, second.vectors)),
        np.concatenate((first.masked, second.masked)),
        np.concatenate((first.actions, second.actions)),
        np.concatenate((first.rewards, second.rewards)),
        np.concatenate((first.simulated, second.simulated)),
    )
