"""The twin's decision: rules, the model's `predict`, and the ORM row."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import numpy as np
from mlflow.pyfunc import PyFuncModel

from benchmarks.stock_twin import rules
from benchmarks.stock_twin.tables import Decision, Person
from data_contracts.rewards import silence_reward
from data_contracts.served import ServedRow
from feature_repo.vector.kernel import ContextVector, context_vector
from models.rewards.action_features import Floats, Prepared, action_features
from models.rewards.design import scaled_context
from models.rewards.person_posterior import PersonPosterior


@dataclass
class Known:
    """All that was read."""

    person: Person
    row: ServedRow
    candidates: list[dict[str, Any]]
    prepared: Prepared
    blocked: set[str]
    part: PersonPosterior | None
    now_us: int
    zone: ZoneInfo
    trigger: str
    spent: int


def decide(known: Known, model: PyFuncModel, seed: int) -> Decision:
    """Return the decision of the model among the tips that may be given."""
    person, row, now_us = known.person, known.row, known.now_us
    vector = context_vector(
        row,
        now_us,
        known.zone,
        person.consent_mask,
        quiet_start_min=person.quiet_start_min,
        quiet_end_min=person.quiet_end_min,
    )
    places, refused = rules.eligible(
        known.candidates,
        vector,
        now_us=now_us,
        minute=rules.minute_of_day(now_us, known.zone),
        free_min=rules.free_minutes(row, person, vector, now_us),
        blocked=known.blocked,
    )
    actions = action_features(
        known.prepared.take(places), vector=vector.values, masked=vector.masked, tips=row.tips, now_us=now_us
    )
    choice: Any = model.predict(
        {
            "context": scaled_context(vector.values, vector.masked),
            "silence": silence_reward(known.spent, person.silence_price),
            "person": known.part,
            "actions": actions,
            "seed": seed,
        }
    )
    return _row(known, vector, places, refused, actions=actions, choice=choice, seed=seed)


def _row(
    known: Known,
    vector: ContextVector,
    places: list[int],
    refused: dict[str, int],
    *,
    actions: Floats,
    choice: Any,
    seed: int,
) -> Decision:
    """Return the ORM row of a choice."""
    person, row, now_us = known.person, known.row, known.now_us
    silent = choice["index"] == len(places)
    chosen = None if silent else known.candidates[places[choice["index"]]]
    return Decision(
        id=str(uuid4()),
        person_id=person.id,
        at_us=now_us,
        trigger=known.trigger,
        silent=silent,
        template=chosen["template"] if chosen else None,
        cluster=chosen["cluster"] if chosen else None,
        subject=chosen["subject"] if chosen else None,
        expires_us=rules.expiry_us(chosen, row, person, now_us, known.zone)
        if chosen
        else now_us - now_us % rules.POINT_US + rules.POINT_US,
        reason="not_worth_it" if silent else "chosen",
        tip=_tip(chosen) if chosen else None,
        seed=seed,
        chosen=choice["index"],
        probability=float(choice["probabilities"][choice["index"]]),
        posterior_version=known.part.version if known.part is not None else 0,
        consent_mask=person.consent_mask,
        ineligible=refused,
        candidates=[known.candidates[place]["id"] for place in places],
        served={name: part._asdict() for name, part in row._asdict().items()},
        vector=vector.values.tobytes(),
        masked=vector.masked.tobytes(),
        ages_s=vector.ages_s.tobytes(),
        actions=np.ascontiguousarray(actions).tobytes(),
        mu=choice["mu"].tobytes(),
        sigma=choice["sigma"].tobytes(),
        probabilities=choice["probabilities"].tobytes(),
    )


def _tip(candidate: dict[str, Any]) -> dict[str, Any]:
    """Return the words of a tip; slots stay open and no moment is explained, which spares the twin that work."""
    return {name: candidate[name] for name in ("id", "text", "kind", "topic", "effort_min", "why")} | {"why_now": ""}
