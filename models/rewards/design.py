"""The design matrix of linear policies: products of action and context features, and the feature each belongs to.

A column is action column x context column, the context having a leading constant 1. Columns stand in the order of
`GROUPS`, so a score is one sum with one documented order: terms inside a feature by `numpy.add.reduceat`, then
features from left to right. A receipt prints those feature sums, and adding them in order gives the score's own bits.
"""

import hashlib
import json
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.features import CONSENT_SIGNALS, FEATURES, POSITION
from models.rewards.action_features import ACTION, ACTION_COLUMNS

Floats = NDArray[np.float64]

# Features with a natural middle are scaled to [-1, 1], so that 0, the value of a masked one, says "as usual".
CENTRED = (
    "mood_last", "mood_mean_7d", "mood_change", "energy_last", "energy_mean_7d",
    "done_share_30d", "hour_sin", "hour_cos",
)  # fmt: skip
MASKS = tuple(f"masked.{source.value}" for source in CONSENT_SIGNALS)
CONTEXT_COLUMNS: tuple[str, ...] = (*(feature.name for feature in FEATURES), *MASKS)
CONTEXT = len(CONTEXT_COLUMNS)

CROSSES: dict[str, tuple[str, ...]] = {
    "todo": ("energy_last", "mood_last", "at_work", "is_weekend", "hour_sin", "hour_cos"),
    "topic.tasks": ("tasks_overdue", "tasks_open", "at_work"),
    "topic.calendar": ("events_left_today", "busy_min_next_24h", "minutes_to_quiet"),
    "topic.habits": ("streak_at_risk", "habits_left_today", "minutes_to_quiet", "hours_since_habit"),
    "topic.mood": ("mood_last", "mood_change", "hours_since_mood"),
    "topic.focus": ("longest_gap_12h_min", "energy_last", "at_work", "hour_sin"),
    "topic.rest": ("energy_last", "mood_last", "busy_min_next_24h", "minutes_to_quiet", "minutes_since_event"),
    "topic.movement": ("minutes_in_place", "on_desktop", "minutes_since_event", "energy_last", "hour_cos"),
    "topic.social": ("is_weekend", "mood_last", "at_home", "minutes_to_quiet"),
    "topic.learning": ("energy_last", "free_gap_min", "is_weekend"),
    "effort": ("free_gap_min", "energy_last", "minutes_to_quiet", "on_phone", "masked.calendar"),
    "personal": ("done_share_30d", "at_work"),
    "urgency": ("free_gap_min", "minutes_to_quiet", "energy_last"),
    "shown_lately": ("tips_shown_24h",),
}
# What may differ from person to person: a subset of the design, at most 32 columns.
PERSONAL: tuple[tuple[str, str | None], ...] = (
    ("tip", None), ("todo", None),
    *((name, None) for name in ACTION_COLUMNS if name.startswith("topic.")),
    ("effort", None), ("personal", None), ("urgency", None), ("shown_lately", None),
    *(("tip", name) for name in (
        "hour_sin", "hour_cos", "is_weekend", "at_work", "at_home", "on_phone", "focus_mode", "free_gap_min",
        "energy_last",
    )),
)  # fmt: skip


class Column(NamedTuple):
    """One column of the design: an action column, times a context column unless that is None."""

    action: str
    context: str | None

    @property
    def group(self) -> str:
        """The feature that a receipt counts this column under."""
        return self.context or "tip." + self.action.split(".", maxsplit=1)[0]


def _columns() -> tuple[Column, ...]:
    plain = [Column(name, None) for name in ACTION_COLUMNS]
    crossed = [Column("tip", name) for name in CONTEXT_COLUMNS]
    crossed += [Column(action, name) for action, names in CROSSES.items() for name in names]
    place = {name: index for index, name in enumerate(CONTEXT_COLUMNS)}
    return (*plain, *sorted(crossed, key=lambda column: place[column.context or ""]))


COLUMNS: tuple[Column, ...] = _columns()
SILENCE_GROUP = "silence"
GROUPS: tuple[str, ...] = (SILENCE_GROUP, *dict.fromkeys(column.group for column in COLUMNS))
D = len(COLUMNS)
_STARTS = np.array([next(i for i, c in enumerate(COLUMNS) if c.group == group) for group in GROUPS[1:]])
_ACTION_OF = np.array([ACTION[column.action] for column in COLUMNS])
_CONTEXT_OF = np.array([0 if c.context is None else CONTEXT_COLUMNS.index(c.context) + 1 for c in COLUMNS])
PERSON_OF = np.array([COLUMNS.index(Column(*pair)) for pair in PERSONAL])
PERSON_D = len(PERSON_OF)

_LOG = np.array([feature.scale == "log" for feature in FEATURES])
_LOW = np.array([feature.low for feature in FEATURES])
_HIGH = np.array([feature.high for feature in FEATURES])
_IS_CENTRED = np.array([feature.name in CENTRED for feature in FEATURES])
_SPAN = np.where(_LOG, np.log1p(_HIGH - _LOW), _HIGH - _LOW) / np.where(_IS_CENTRED, 2.0, 1.0)
_SHIFT = np.where(_IS_CENTRED, 1.0, 0.0)
_LOG_AT = np.flatnonzero(_LOG)
_FIRST_OF_SOURCE = np.array(
    [POSITION[next(f.name for f in FEATURES if f.source is source)] for source in CONSENT_SIGNALS]
)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


FEATURE_TABLE_DIGEST = _digest([[f.name, f.source, f.unit, f.low, f.high, f.scale] for f in FEATURES])
DESIGN_DIGEST = _digest([COLUMNS, PERSONAL, CENTRED, ACTION_COLUMNS])


def scaled_context(vector: Floats, masked: NDArray[np.bool_]) -> Floats:
    """Return (..., CONTEXT): features on [0, 1], centred ones on [-1, 1], masked ones 0, then one mask per source.

    `vector` (..., features) is in the units of the feature table and is clipped to its ranges; what a masked
    feature holds does not matter.
    """
    raw = np.minimum(np.maximum(vector, _LOW), _HIGH) - _LOW
    raw[..., _LOG_AT] = np.log1p(raw[..., _LOG_AT])
    scaled = raw / _SPAN - _SHIFT
    # a source is masked as a whole, so its first feature tells
    return np.concatenate((np.where(masked, 0.0, scaled), masked[..., _FIRST_OF_SOURCE]), axis=-1)


def design(values: Floats, actions: Floats) -> Floats:
    """Return X (n, D) for actions (n, k) in one context (CONTEXT,), or each in its own (n, CONTEXT)."""
    extended = np.concatenate((np.ones((*values.shape[:-1], 1)), values), axis=-1)
    weights = extended.T.take(_CONTEXT_OF, axis=0)
    # built feature by feature, as (D, n): then sums over features run along rows
    matrix: Floats = actions.T.take(_ACTION_OF, axis=0) * (weights[:, None] if values.ndim == 1 else weights)
    return matrix.T


def person_design(matrix: Floats) -> Floats:
    """Return Z (n, PERSON_D): the columns of the design X (n, D) in which people may differ."""
    return matrix.take(PERSON_OF, axis=1)


def group_sums(terms: Floats) -> Floats:
    """Return (n, GROUPS) sums of terms (n, D) per feature, and 0 for the group of silence."""
    sums = np.empty((len(GROUPS), terms.shape[0]))
    sums[0] = 0.0
    np.add.reduceat(terms.T, _STARTS, axis=0, out=sums[1:])
    return sums.T


def total(groups: Floats) -> Floats:
    """Return (n,) the sums of (n, GROUPS) from left to right: the score's documented order."""
    result: Floats = np.add.reduce(groups.T, axis=0)
    return result
