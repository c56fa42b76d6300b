import dataclasses

import numpy as np
import pytest

from data_contracts.durations import HOUR_US
from data_contracts.events.oo.events.v1 import facts_pb2
from data_contracts.features import FEATURES, Source
from data_contracts.served import ServedTips
from data_contracts.tips import Candidate
from models.rewards.action_features import ACTION, ACTION_COLUMNS, Prepared, action_features, prepare
from tests.models.moments import NOW_US, POOL, URGENT, vector


def row(
    candidate: Candidate = URGENT,
    *,
    gap_min: float = 120,
    withheld: Source | None = None,
    tips: ServedTips | None = None,
) -> dict[str, float]:
    """The columns of one candidate by name."""
    masked = np.array([feature.source is withheld for feature in FEATURES])
    actions = action_features(
        prepare([candidate]),
        vector=vector(10, free_gap_min=gap_min),
        masked=masked,
        tips=tips or ServedTips(),
        now_us=NOW_US,
    )
    return dict(zip(ACTION_COLUMNS, actions[0].tolist(), strict=True))


def test_every_column_is_in_the_unit_interval_and_silence_is_zeros() -> None:
    """Every column of every candidate is in the unit interval and silence is zeros."""
    tips = ServedTips(1, (NOW_US + HOUR_US,), ("walk",), (0,), (NOW_US - 1,), (1,), ("walk",))
    actions = action_features(
        prepare(POOL), vector=vector(10), masked=np.zeros(len(FEATURES), np.bool_), tips=tips, now_us=NOW_US
    )
    assert ((actions >= 0) & (actions <= 1)).all()
    assert actions.shape == (len(POOL) + 1, len(ACTION_COLUMNS))
    assert not actions[-1].any()


def test_urgency_is_full_when_due_and_fades_before_and_after() -> None:
    """Urgency is full at the due time; it grows over hours before, and fades over days after."""

    def due(hours: float) -> dict[str, float]:
        return row(dataclasses.replace(URGENT, due_us=NOW_US + round(hours * HOUR_US)))

    assert due(0)["urgency"] == 1.0 > due(1)["urgency"] > due(50)["urgency"] > 0
    assert 1.0 > due(-5)["urgency"] > due(-72)["urgency"] == pytest.approx(0.5)
    assert due(-5)["urgency"] > due(5)["urgency"]
    assert due(-5)["overdue"] == 1.0
    assert due(1)["overdue"] == 0.0
    assert row(dataclasses.replace(URGENT, due_us=None))["urgency"] == 0.0


def test_effort_is_held_against_the_free_gap() -> None:
    """Effort is held against the free gap."""
    assert row(gap_min=90)["fits_gap"] == 1.0
    assert row(gap_min=90)["fills_gap"] == 0.5
    assert row(gap_min=30)["fits_gap"] == row(gap_min=30)["urgent_and_fits"] == 0.0
    assert row(withheld=Source.CALENDAR)["fits_gap"] == 0.5


def test_withheld_tasks_say_nothing_about_due_times() -> None:
    """Withheld tasks say nothing about due times."""
    assert row(withheld=Source.TASKS)["urgency"] == row(withheld=Source.TASKS)["overdue"] == 0.0


@pytest.mark.parametrize(
    ("reaction", "column"),
    [
        (facts_pb2.REACTION_DONE, "done_lately"),
        (facts_pb2.REACTION_NOT_NOW, "deferred_lately"),
        (facts_pb2.REACTION_NOT_FOR_ME, "rejected_lately"),
    ],
)
def test_the_newest_reaction_to_the_cluster_is_remembered_and_fades(reaction: int, column: str) -> None:
    """The newest reaction to the cluster is remembered and fades."""

    def after(*hours: float) -> dict[str, float]:
        times = tuple(NOW_US - round(h * HOUR_US) for h in hours)
        n = len(hours)
        return row(tips=ServedTips(reaction_us=times, reaction=(reaction,) * n, reaction_clusters=("urgent",) * n))

    assert after(0)[column] == 1.0
    assert after(1, 90)[column] == after(1)[column] > after(90)[column] > 0
    assert row(tips=ServedTips(reaction_us=(NOW_US,), reaction=(reaction,), reaction_clusters=("other",)))[column] == 0


def test_withheld_tips_say_nothing_about_clusters() -> None:
    """Withheld tips say nothing about clusters."""
    tips = ServedTips(shown_us=(NOW_US,), shown_clusters=("urgent",), shown_unsolicited=(0,))
    assert row(tips=tips)["shown_lately"] == 1.0
    assert row(tips=tips, withheld=Source.TIPS)["shown_lately"] == 0.0


def test_taking_the_eligible_ones_is_preparing_them() -> None:
    """Taking the eligible ones is preparing them."""
    taken, made = prepare(POOL).take([3, 0, 5]), prepare([POOL[3], POOL[0], POOL[5]])
    assert taken.clusters == made.clusters
    for name in ("columns", "due_h", "effort_min"):
        assert (getattr(taken, name) == getattr(made, name)).all()
    assert isinstance(taken, Prepared)


def test_an_unset_column_is_a_mistake_of_this_table() -> None:
    """An unset column is a mistake of this table."""
    assert set(ACTION) == set(ACTION_COLUMNS)
