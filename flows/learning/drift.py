"""Trains a challenger when rewards or contexts since the newest training differ from the weeks before it."""

from datetime import timedelta

import numpy as np

from data_contracts.durations import DAY_US
from data_contracts.features import FEATURES
from data_contracts.identifiers import from_us, to_us
from flows.context import FlowContext
from flows.learning.log_export import settled
from flows.learning.training import retrain
from infra.database.policies import policies
from models.promotion.drift import Drift, Span, drift
from models.registry.policy_registry import PolicyRegistry

BEFORE_DAYS = 28
COLUMNS = ("reward", *(feature.name for feature in FEATURES))


def look_for_drift(context: FlowContext) -> Drift:
    """Return what moved since the newest training."""
    with context.database.read() as session:
        trained = [row.manifest.get("trained_until_us") for row in policies.list_all(session)]
    until_us = max((each for each in trained if each), default=0)
    before, after = Span(), Span()
    for row in settled(context.database, origin=context.settings.evidence, since_us=until_us - BEFORE_DAYS * DAY_US):
        decision = row.decision
        reward = np.nan if decision.silent or row.reward is None else row.reward
        values = np.append(reward, np.where(decision.masked, np.nan, decision.vector))
        span = before if decision.at_us < until_us else after
        span.add((decision.person, decision.at_us // DAY_US), values)
    return drift(COLUMNS, before, after)


def retrain_on_drift(context: FlowContext, registry: PolicyRegistry) -> Drift:
    """Train a challenger when something moved; return what did."""
    found = look_for_drift(context)
    if found.column is not None:
        until = from_us(to_us(context.clock())) + timedelta(microseconds=1)
        retrain(context, registry, until, actor=f"drift of {found.column}")
    return found
