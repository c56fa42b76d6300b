"""A day walked as it would be lived: when oO would speak, what it would say, and that walking leaves no trace."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select

from data_contracts.served import ServedTips
from infra.database.all_tables import Base
from infra.database.people import people
from models.policies.laws import trained
from models.policies.rules import EXPLORATION
from models.rewards.action_features import Floats
from models.simulation.warm_start import warm_start
from serving.candidates.pool_maker import PoolMaker
from serving.candidates.titles import TitleReader
from serving.recommend import day_preview as walking
from serving.recommend.day_preview import Day, Step
from serving.recommend.scorer import Situation, actions_of, context_of
from serving.recommend.speaking_rules import Reason
from tests.serving.world import World, warm_policy

QUARTER = timedelta(minutes=15)


def walk(living: World, day: date | None = None, *, budget: int | None = None) -> list[Step]:
    """Return the steps of a day of the person, with another budget if one is given."""
    if budget is not None:
        with living.database.unit_of_work() as uow:
            people.set_preferences(uow, person=living.person, budget=budget)
            uow.commit()
    pools = PoolMaker(living.online, living.vault, TitleReader(living.database, living.vault))
    return Day(living.reader, pools).steps(living.person, day, living.now)


def test_a_day_has_a_step_each_quarter_hour_and_is_silent_by_rule(living: World) -> None:
    """The 96 steps begin at local midnight; in quiet hours and events nothing is said, and no tip stays on the page."""
    steps = walk(living)
    midnight = datetime(2026, 3, 4, tzinfo=living.life.zone)
    assert [step.at for step in steps] == [midnight + number * QUARTER for number in range(96)]
    by_face = {step.at.strftime("%H:%M"): step for step in steps}
    quiet = {"00:00", "03:00", "07:45", "22:00", "23:45"}
    meetings = {"12:00", "13:30", "15:00", "15:30", "16:00"}
    assert {by_face[face].reason for face in quiet} == {"quiet_hours"}
    assert {by_face[face].reason for face in meetings} == {"in_event"}
    assert [face for face in quiet | meetings if by_face[face].tip is not None] == []


def test_a_step_speaks_when_a_tip_is_chosen_and_has_words_while_it_is_open(living: World) -> None:
    """Exactly the chosen steps speak, and exactly the chosen and the open ones carry a tip; the day has both."""
    steps = walk(living)
    assert {"chosen", "open_tip"} <= {step.reason for step in steps}
    assert [step.speaks for step in steps] == [step.reason == "chosen" for step in steps]
    assert [step.tip is not None for step in steps] == [step.reason in {"chosen", "open_tip"} for step in steps]


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_a_day_on_which_the_clock_changes_is_shorter_or_longer(living: World, day: date, count: int) -> None:
    """Its steps are that many quarter hours, all on the day that was asked for."""
    steps = walk(living, day)
    assert len(steps) == count
    assert {step.at.date() for step in steps} == {day}


def speak_whenever_possible(living: World) -> None:
    """Promote the policy to which all actions are equal: its first one is silence only where there is no other."""
    living.promote(trained("uniform", warm_start(0, count=1, days=1)))


@pytest.mark.parametrize("budget", [0, 1, 3])
def test_no_more_tips_are_spoken_in_a_day_than_the_budget_allows(living: World, budget: int) -> None:
    """Where more could be said the whole budget is spent, and what was spoken by then names the reason."""
    speak_whenever_possible(living)
    assert sum(step.speaks for step in walk(living, budget=24)) > budget
    steps = walk(living, budget=budget)
    assert sum(step.speaks for step in steps) == budget
    spoken = 0
    for step in steps:
        assert (step.reason == Reason.BUDGET_SPENT) <= (spoken == budget)
        spoken += step.speaks
    assert Reason.BUDGET_SPENT in {step.reason for step in steps}


def test_an_open_tip_is_not_spoken_again(living: World) -> None:
    """Until a tip ends every step repeats it unspoken or is silent by rule, and none does so afterwards."""
    speak_whenever_possible(living)
    steps = walk(living, budget=24)
    tip, repeated = None, 0
    for step in steps:
        still = tip is not None and step.at < tip.expires_at
        if step.reason == Reason.OPEN_TIP:
            assert still
            assert step.tip == tip
            repeated += 1
        else:
            assert not still or step.reason in {Reason.IN_EVENT, Reason.QUIET_HOURS}
            tip = step.tip or tip
    assert repeated > 0


def probability(situation: Situation, tips: ServedTips, cluster: str) -> float:
    """Return how probable a tip of the cluster is to a learned policy, had the tips of the past been these."""
    known = replace(situation, row=situation.row._replace(tips=tips))
    context = context_of(situation.vector, situation.moment.spent, situation.silence_price, None)
    chances = warm_policy().choose(context, actions_of(known), 0).probabilities
    places = enumerate(situation.eligible.places)
    return float(sum(chances[index] for index, place in places if situation.pool.refs[place].cluster == cluster))


def test_the_cluster_of_a_spoken_tip_is_less_likely_at_the_next_decision(
    living: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it may be given again, its probability is below the one that it had if it had not been shown."""
    asked: list[Situation] = []

    def spy(situation: Situation) -> Floats:
        asked.append(situation)
        return actions_of(situation)

    speak_whenever_possible(living)
    monkeypatch.setattr(walking, "actions_of", spy)
    walk(living, budget=24)
    tired = 0
    for earlier, later in pairwise(asked):
        cluster = later.row.tips.shown_clusters[0]
        if cluster in earlier.row.tips.shown_clusters:
            continue
        fresh = probability(later, earlier.row.tips, cluster)
        if fresh > EXPLORATION:  # else it is given by chance only, now and then
            tired += 1
            assert probability(later, later.row.tips, cluster) < fresh
    assert tired > 0


def everything_stored(living: World) -> dict[str, list[Any]]:
    """Return every row of every table, and every row of the online store."""
    with living.database.read() as session:
        found = {
            name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
            for name, table in Base.metadata.tables.items()
        }
    with closing(sqlite3.connect(living.home / "online.db")) as online:
        return {**found, "online": list(online.iterdump())}


def test_walking_a_day_leaves_no_trace(living: World) -> None:
    """Though many tips are spoken, every table and the online store hold what they held, byte for byte."""
    living.ask()
    before = everything_stored(living)
    assert len(before["decisions"]) == 1
    assert len(before["events"]) > 1
    assert any(step.speaks for step in walk(living))
    assert everything_stored(living) == before
