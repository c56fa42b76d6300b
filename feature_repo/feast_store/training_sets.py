"""Training sets: the features of each logged decision, by Feast's point-in-time retrieval and the serving kernel.

The logged vector is what the policy saw; the vector made here is what history says it should have seen. Their
difference is the training-serving skew, and it is measured on every set that is made, never assumed to be zero.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from feast import FeatureStore
from numpy.typing import NDArray

from data_contracts.decisions import Decision
from data_contracts.features import FEATURE_SERVICE, FEATURES
from data_contracts.served import VIEWS, ServedRow
from feature_repo.history.served_rows import EVENT_TIME, PERSON
from feature_repo.vector.kernel import HIGH, LOW
from feature_repo.vector.served_columns import of_rows
from feature_repo.vector.vector_batch import context_vectors, moments


class Skew(NamedTuple):
    """How far history and the log disagree about what a policy saw."""

    decisions: int
    equal: int  # decisions whose values and masks are all equal
    largest: float  # greatest difference of a value, as a share of its feature's range
    features: dict[str, int]  # name -> decisions in which it differs


class TrainingSet(NamedTuple):
    """Rows in the order of the decisions; arrays of shape (decisions, features)."""

    rows: list[ServedRow]
    values: NDArray[np.float64]
    masked: NDArray[np.bool_]
    skew: Skew


def training_set(store: FeatureStore, decisions: Sequence[Decision]) -> TrainingSet:
    """Return the contexts of logged decisions, made anew from history."""
    persons = [decision.person for decision in decisions]
    rows = historical_rows(store, persons, [decision.at_us for decision in decisions])
    at = moments(
        [decision.at_us for decision in decisions],
        [ZoneInfo(decision.zone) for decision in decisions],
        [decision.quiet_start_min for decision in decisions],
        [decision.quiet_end_min for decision in decisions],
    )
    masks = np.array([decision.consent_mask for decision in decisions], np.int64)
    seen = context_vectors(of_rows(rows), at, masks)
    return TrainingSet(rows, seen.values, seen.masked, _skew(decisions, seen.values, seen.masked))


def historical_rows(store: FeatureStore, persons: Sequence[str], instants_us: Sequence[int]) -> list[ServedRow]:
    """Return the served row of each person as it was known at each instant."""
    if not persons:
        return []
    asked = pd.DataFrame({PERSON: list(persons), EVENT_TIME: pd.to_datetime(list(instants_us), unit="us", utc=True)})
    service = store.get_feature_service(FEATURE_SERVICE)
    table = store.get_historical_features(asked, service, full_feature_names=True).to_arrow()
    return [served_row_of(values) for values in table.to_pylist()]


def served_row_of(values: Mapping[str, Any]) -> ServedRow:
    """Return the served row of Feast's columns `view__field`; a view without a value is empty."""
    parts: list[Any] = []
    for source, part in VIEWS.items():
        fields = [values[f"{source.value}__{name}"] for name in part._fields]
        make: Any = part
        absent = fields[0] is None
        parts.append(make() if absent else make(*(tuple(one) if isinstance(one, list) else one for one in fields)))
    return ServedRow(*parts)


def _skew(decisions: Sequence[Decision], values: NDArray[np.float64], masked: NDArray[np.bool_]) -> Skew:
    if not decisions:
        return Skew(0, 0, 0.0, {})
    logged = np.array([decision.vector for decision in decisions])
    differs = (logged != values) | (np.array([decision.masked for decision in decisions]) != masked)
    share = np.abs(logged - values) / (HIGH - LOW)
    names = Counter(FEATURES[column].name for column in np.nonzero(differs)[1])
    return Skew(len(decisions), int((~differs.any(axis=1)).sum()), float(share.max()), dict(names))
