"""Action features: one row of numbers in [0, 1] per candidate, silence as a row of zeros.

A row is a pure function of the candidate, the moment's vector, the served tip history and the clock. Columns that
depend on the candidate alone are made once per pool by `prepare`; the rest is filled in at the decision.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.durations import DAY_MIN, HOUR_US
from data_contracts.events.oo.events.v1 import facts_pb2
from data_contracts.features import POSITION
from data_contracts.served import ServedTips
from data_contracts.tips import Candidate, TipKind, Topic

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

LONG_EFFORT_MIN = 120  # scales effort: log1p(120 minutes) is 1
QUICK_MIN = 5
URGENCY_H = 6.0  # a subject due in 6 hours is half as urgent as one due now
OVERDUE_H = 72.0  # and so is one that has been overdue for three days: people stop hearing about it
SHOWN_H, DONE_H, DEFERRED_H, REJECTED_H = 24.0, 72.0, 6.0, 336.0  # how fast the memory of a cluster fades

ACTION_COLUMNS: tuple[str, ...] = (
    "tip",  # 1 for every candidate, 0 for silence
    "todo",
    *(f"topic.{topic.value}" for topic in Topic),
    "effort",
    "quick",
    "personal",  # it speaks about a task, an event or a habit of the person
    "generated",  # written by another source than the catalogue
    "priority",  # 1 for the highest, 0 for none or no subject
    "narrow_window",  # made for this part of the day: 1 - share of the day in which it fits
    "urgency",  # 1 when due now, 1 / (1 + hours / 6) before; what is overdue fades as 1 / (1 + hours / 72)
    "overdue",
    "fits_gap",  # effort within the free gap; 0.5 when the calendar is unknown
    "fills_gap",  # effort / free gap, at most 1
    "urgent_and_fits",  # urgency * fits_gap
    "shown_lately",  # exp(-hours / 24) since a tip of the same cluster was seen
    "done_lately",  # exp(-hours / 72) since one was followed
    "deferred_lately",  # exp(-hours / 6) since one was put off
    "rejected_lately",  # exp(-hours / 336) since one was rejected
)
ACTION = {name: index for index, name in enumerate(ACTION_COLUMNS)}
_TOPIC = {topic: ACTION[f"topic.{topic.value}"] for topic in Topic}
_DYNAMIC = ACTION["urgency"]  # the first column that depends on the moment
_MEMORY = ACTION["shown_lately"]
_REACTIONS = (facts_pb2.REACTION_DONE, facts_pb2.REACTION_NOT_NOW, facts_pb2.REACTION_NOT_FOR_ME)
_FADES_US = np.array([SHOWN_H, DONE_H, DEFERRED_H, REJECTED_H]) * HOUR_US
NEVER_US = -(10**17)  # so long ago that nothing of it is left
_NO_DUE = np.inf


class Prepared(NamedTuple):
    """A pool of n candidates as arrays; `columns` (n, k) still lacks what depends on the moment."""

    columns: Floats
    due_h: Floats  # hours since the epoch, infinite without a due time
    effort_min: Floats
    clusters: tuple[str, ...]

    def take(self, rows: Sequence[int]) -> "Prepared":
        """Return the candidates at `rows`, in that order: the eligible ones."""
        index = np.asarray(rows, dtype=np.intp)
        clusters = tuple(self.clusters[row] for row in rows)
        return Prepared(self.columns[index], self.due_h[index], self.effort_min[index], clusters)


def prepare(candidates: Iterable[Candidate]) -> Prepared:
    """Return what can be known of candidates before the moment; worth keeping as long as the pool."""
    pool = tuple(candidates)
    columns = np.zeros((len(pool), len(ACTION_COLUMNS)))
    for row, candidate in zip(columns, pool, strict=True):
        row[0] = 1.0
        row[1] = candidate.kind is TipKind.TODO
        row[_TOPIC[candidate.topic]] = 1.0
        row[ACTION["effort"]] = effort_scale(candidate.effort_min)
        row[ACTION["quick"]] = candidate.effort_min <= QUICK_MIN
        row[ACTION["generated"]] = candidate.source != "catalogue"
        width_min = (candidate.until_min - candidate.from_min) % DAY_MIN or DAY_MIN
        row[ACTION["narrow_window"]] = 1.0 - width_min / DAY_MIN
        if candidate.subject is not None:
            row[ACTION["personal"]] = 1.0
            row[ACTION["priority"]] = (4 - candidate.priority) / 3
    due = [_NO_DUE if candidate.due_us is None else candidate.due_us / HOUR_US for candidate in pool]
    efforts = [float(candidate.effort_min) for candidate in pool]
    return Prepared(columns, np.array(due), np.array(efforts), tuple(candidate.cluster for candidate in pool))


def effort_scale(minutes: float) -> float:
    """Return effort on [0, 1]: log1p(minutes) / log1p(120), at most 1."""
    return min(math.log1p(minutes) / math.log1p(LONG_EFFORT_MIN), 1.0)


def action_features(
    prepared: Prepared, *, vector: Floats, masked: NDArray[np.bool_], tips: ServedTips, now_us: int
) -> Floats:
    """Return (n + 1, k): one row per candidate in [0, 1], then silence as zeros.

    `vector` and `masked` are (features,) in the order of the feature table. What a withdrawn or stale source would
    say is left out: due times without tasks, the gap without a calendar, the memory of clusters without tips.
    """
    n = prepared.due_h.size
    actions = np.zeros((n + 1, len(ACTION_COLUMNS)))
    actions[:n] = prepared.columns
    due_in_h = prepared.due_h - now_us / HOUR_US
    if masked[POSITION["tasks_open"]]:
        due_in_h = np.full(n, _NO_DUE)
    gap = POSITION["free_gap_min"]
    fill_moment(actions[:n], due_in_h, prepared.effort_min, np.nan if masked[gap] else vector[gap])
    if not masked[POSITION["tips_shown_24h"]]:
        _fill_memory(actions, prepared.clusters, tips, now_us)
    return actions


def fill_moment(columns: Floats, due_in_h: Floats, effort_min: Floats, gap_min: Floats | float) -> None:
    """Fill, in place, the columns of (n, k) that depend on due time and free gap; a gap of NaN is unknown."""
    urgency = 1.0 / (1.0 + np.where(due_in_h < 0.0, due_in_h / -OVERDUE_H, due_in_h / URGENCY_H))
    unknown = np.isnan(gap_min)
    fits = np.where(unknown, 0.5, effort_min <= gap_min)
    fills = np.where(unknown, 0.0, np.minimum(effort_min / np.maximum(gap_min, 1.0), 1.0))
    columns[:, _DYNAMIC] = urgency
    columns[:, _DYNAMIC + 1] = due_in_h < 0.0
    columns[:, _DYNAMIC + 2] = fits
    columns[:, _DYNAMIC + 3] = fills
    columns[:, _DYNAMIC + 4] = urgency * fits


def _fill_memory(columns: Floats, clusters: tuple[str, ...], tips: ServedTips, now_us: int) -> None:
    """Fill the four memory columns from the newest sighting and the newest reaction of each kind per cluster."""
    # lists begin with the newest, and the last entry of a dict's source wins
    shown = dict(zip(reversed(tips.shown_clusters), reversed(tips.shown_us), strict=True))
    kinds_of_clusters = zip(reversed(tips.reaction_clusters), reversed(tips.reaction), strict=True)
    reacted = dict(zip(kinds_of_clusters, reversed(tips.reaction_us), strict=True))
    remembered = {*tips.shown_clusters, *tips.reaction_clusters}
    rows = [row for row, cluster in enumerate(clusters) if cluster in remembered]  # few of many
    known = [clusters[row] for row in rows]
    newest = [
        [shown.get(cluster, NEVER_US) for cluster in known],
        *([reacted.get((cluster, kind), NEVER_US) for cluster in known] for kind in _REACTIONS),
    ]
    if rows:
        ages = np.minimum(np.array(newest, dtype=np.float64) - now_us, 0.0)
        columns[rows, _MEMORY:] = np.exp(ages.T / _FADES_US)
