"""The speaking rules, one by one."""

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.decisions import Trigger
from data_contracts.features import POSITION, SOURCES, Source
from data_contracts.identifiers import from_us, to_us
from data_contracts.tips import Candidate, Condition
from feature_repo.vector.kernel import ContextVector
from serving.candidates.eligibility import MOST_ACTIONS, eligible, prepare
from serving.candidates.phrasing import SLOT_NEEDS, slots
from serving.recommend.local_time import decision_point_us, minute_of_day, next_point_us, within_daily
from serving.recommend.speaking_rules import (
    UNKNOWN_GAP_MIN,
    Latest,
    Moment,
    Reason,
    closed_now,
    free_minutes,
    in_event,
    no_new_tip,
)
from tests.serving.life import Life
from tests.serving.scenes import scene


def moment_of(life: Life, trigger: Trigger = Trigger.OPEN, spent: int = 0, latest: Latest | None = None) -> Moment:
    """Return the moment of a life."""
    start, end = life.quiet
    calendar = life.row().calendar
    return Moment(life.now_us, life.zone, calendar, life.consent_mask, start, end, trigger, 3, spent, latest)


def meeting_life(face: str) -> Life:
    """Return a life at `face` with a busy event from 15:00 to 16:00."""
    life = Life.on(f"2026-03-04T{face}")
    life.meeting(life.clock(0, "15:00"), life.clock(0, "16:00"))
    life.meeting(life.clock(0, "17:00"), life.clock(0, "17:30"), busy=False)
    return life


@pytest.mark.parametrize(
    ("face", "busy"),
    [
        ("14:59:59", False),
        ("15:00", True),
        ("15:04:59", True),
        ("15:56", True),
        ("16:00", True),
        ("16:00:01", False),
        ("17:10", False),
    ],
)
def test_a_busy_event_is_silent_from_its_first_to_its_last_instant(face: str, busy: bool) -> None:
    """Start and end belong to the event, a second outside does not, and an event that is not busy never silences."""
    assert in_event(moment_of(meeting_life(face))) is busy


def test_without_consent_the_calendar_is_not_looked_at_and_effort_is_capped() -> None:
    """In the middle of a withdrawn meeting no rule closes the moment, and the gap is the one of an unknown calendar."""
    life = meeting_life("15:20")
    life.withdraw(Source.CALENDAR)
    moment, vector = moment_of(life), life.vector()
    assert closed_now(moment) is None
    assert free_minutes(moment, vector.values, vector.masked) == UNKNOWN_GAP_MIN


def test_an_old_calendar_still_silences_and_still_bounds_the_gap() -> None:
    """A calendar that is too old for the vector still bounds the gap by its next event, and silences inside it."""
    life = Life.on("2026-03-04T14:40")
    days = 1 + SOURCES[Source.CALENDAR].fresh_s / 86_400
    life.meeting(life.clock(0, "15:00"), life.clock(0, "16:00"), said_days_ago=days)
    moment, vector = moment_of(life), life.vector()
    assert vector.masked[POSITION["free_gap_min"]]
    assert vector.masked[POSITION["in_event"]]
    assert free_minutes(moment, vector.values, vector.masked) == 20.0
    assert closed_now(moment) is None
    assert closed_now(replace(moment, now_us=life.clock(0, "15:30"))) is Reason.IN_EVENT


@given(minute=st.integers(0, 1_439), start=st.integers(0, 1_439), end=st.integers(0, 1_439))
def test_quiet_hours_may_cross_midnight_and_equal_ends_mean_none(minute: int, start: int, end: int) -> None:
    """A minute is inside when it follows the start by less than the length, counted around the clock."""
    length = (end - start) % 1_440
    assert within_daily(minute, start, end) is ((minute - start) % 1_440 < length)


@given(
    at_us=st.integers(0, 4_000_000_000_000_000),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Eucla", "America/St_Johns"]),
)
def test_decision_points_are_the_quarter_hours(at_us: int, zone: str) -> None:
    """The point is the last :00, :15, :30 or :45 of the wall clock of any zone, and 15 minutes later is the next."""
    point = from_us(decision_point_us(at_us)).astimezone(ZoneInfo(zone))
    assert (point.minute % 15, point.second, point.microsecond) == (0, 0, 0)
    assert timedelta(0) <= from_us(at_us) - point < timedelta(minutes=15)
    assert from_us(next_point_us(at_us)) - point == timedelta(minutes=15)


def test_a_reaction_rests_and_a_silence_holds_until_the_next_point_only() -> None:
    """Both end at the next quarter hour, and a tip that closed without a reaction does not rest at all."""
    life = Life.on("2026-03-04T14:10")
    reacted = Latest(life.ago(9), False, life.ago(-60), life.ago(3), True)
    silent = Latest(life.ago(3), True, life.ago(-5), None, False)
    assert no_new_tip(moment_of(life, latest=reacted)) is Reason.RESTING
    assert no_new_tip(moment_of(life, latest=silent)) is Reason.SILENCE_HOLDS
    later = life.clock(0, "14:15")
    assert no_new_tip(replace(moment_of(life, latest=reacted), now_us=later)) is None
    assert no_new_tip(replace(moment_of(life, latest=silent), now_us=later)) is None
    completed = replace(reacted, reacted=False)
    assert no_new_tip(moment_of(life, latest=completed)) is None


def test_only_what_nobody_asked_for_is_held_to_the_budget() -> None:
    """A spent budget refuses the unsolicited tip, and never the opened page."""
    life = Life.on("2026-03-04T14:10")
    assert no_new_tip(moment_of(life, Trigger.UNSOLICITED, spent=3)) is Reason.BUDGET_SPENT
    assert no_new_tip(moment_of(life, Trigger.UNSOLICITED, spent=2)) is None
    assert no_new_tip(moment_of(life, Trigger.OPEN, spent=9)) is None


def may_be_given(candidate: Candidate, vector: ContextVector, here: Moment, blocked: Collection[str]) -> bool:
    """Return, word for word, whether a tip may be given now."""
    names = slots(candidate.text) & SLOT_NEEDS.keys()
    conditions = [*candidate.conditions, *(Condition(*SLOT_NEEDS[name]) for name in names)]
    places = [POSITION[condition.feature] for condition in conditions]
    return (
        candidate.effort_min <= free_minutes(here, vector.values, vector.masked)
        and candidate.from_min <= minute_of_day(here.now_us, here.zone) < candidate.until_min
        and to_us(candidate.expires_at) > here.now_us
        and (candidate.opens_at is None or to_us(candidate.opens_at) <= here.now_us)
        and candidate.cluster not in blocked
        and not any(vector.masked[place] for place in places)
        and all(each.low <= vector.values[place] <= each.high for each, place in zip(conditions, places, strict=True))
    )


@given(seed=st.integers(0, 10_000), later_min=st.integers(0, 240))
def test_what_is_eligible_meets_every_condition_and_refusals_are_counted(seed: int, later_min: int) -> None:
    """Up to `MOST_ACTIONS` tips that fit, and no others, may be given; with the refused they make up the pool."""
    life = scene(random.Random(seed))  # noqa: S311 - situations, not secrets
    pool = prepare(life.pool())
    life.at += timedelta(minutes=later_min)  # what opens or ends meanwhile is still in the pool
    vector, moment = life.vector(), moment_of(life)
    blocked = ["finish_due", "walk", "no such cluster"]
    found = eligible(
        pool,
        values=vector.values,
        masked=vector.masked,
        now_us=life.now_us,
        minute=minute_of_day(life.now_us, life.zone),
        free_min=free_minutes(moment, vector.values, vector.masked),
        blocked=blocked,
    )
    fitting = [place for place, each in enumerate(pool.candidates) if may_be_given(each, vector, moment, blocked)]
    assert found.places.tolist() == fitting[:MOST_ACTIONS]
    assert len(found.places) + sum(found.refused.values()) == len(pool.candidates)
