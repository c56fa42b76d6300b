"""The speaking rules, one by one."""

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.decisions import CandidateRef, Trigger
from data_contracts.durations import MINUTE_US
from data_contracts.features import FEATURES, POSITION, SOURCES, Source
from data_contracts.identifiers import CandidateId, ClusterId, SubjectKey, from_us, to_us
from data_contracts.rewards import ReactionKind
from data_contracts.served import ServedCalendar
from data_contracts.tips import Candidate, Condition, TipKind, Topic
from feature_repo.vector.kernel import ALL_CONSENTS, ContextVector
from serving.candidates.candidates import Pool
from serving.candidates.eligibility import MOST_ACTIONS, Eligible, eligible, prepare
from serving.candidates.phrasing import SLOT_NEEDS, slots
from serving.candidates.subjects import SOURCE_BIT
from serving.recommend.local_time import decision_point_us, minute_of_day, next_point_us, within_daily
from serving.recommend.speaking_rules import (
    BLOCK_S,
    UNKNOWN_GAP_MIN,
    Latest,
    Moment,
    Reason,
    closed_now,
    free_minutes,
    in_event,
    next_event_us,
    no_new_tip,
    stays_open,
)
from tests.serving.life import Life
from tests.serving.scenes import scene

NOW_US = Life.on("2026-03-04T10:00", "UTC").now_us


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


def at_ten(**changes: Any) -> Moment:
    """Return 10:00 in UTC without any event, quiet hour or earlier decision, with these changes."""
    plain = Moment(NOW_US, ZoneInfo("UTC"), ServedCalendar(), ALL_CONSENTS, 0, 0, Trigger.OPEN, budget=1, spent=0)
    return replace(plain, **changes)


LATEST = Latest(NOW_US - 20 * MINUTE_US, silent=False, expires_us=NOW_US + 1, closed_us=None, reacted=False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quiet_start_min": 600, "quiet_end_min": 601}, "quiet_hours"),
        ({"quiet_start_min": 599, "quiet_end_min": 600}, None),
        ({"quiet_start_min": 601, "quiet_end_min": 602}, None),
        ({"calendar": ServedCalendar(0, (NOW_US,), (NOW_US + 1,))}, "in_event"),
        ({"calendar": ServedCalendar(0, (NOW_US - 1,), (NOW_US,))}, "in_event"),
        ({"calendar": ServedCalendar(0, (NOW_US - 2,), (NOW_US - 1,))}, None),
        ({"calendar": ServedCalendar(0, (NOW_US + 1,), (NOW_US + 2,))}, None),
    ],
)
def test_an_instant_is_closed_by_a_rule_to_the_microsecond_and_minute(
    change: dict[str, Any], reason: str | None
) -> None:
    """The last quiet minute is quiet and the next is not; an event counts from its first to its last instant."""
    assert closed_now(at_ten(**change)) == reason


@pytest.mark.parametrize(
    ("latest", "reason"),
    [
        ({"reacted": True, "closed_us": NOW_US}, "resting"),
        ({"reacted": True, "closed_us": NOW_US - 1}, None),
        ({"reacted": True}, None),
        ({"closed_us": NOW_US}, None),
        ({"silent": True, "at_us": NOW_US}, "silence_holds"),
        ({"silent": True, "at_us": NOW_US - 1}, None),
        ({"at_us": NOW_US}, None),
    ],
)
def test_rest_and_silence_begin_at_the_quarter_hour_itself(latest: dict[str, Any], reason: str | None) -> None:
    """What happened at the point or later holds; a microsecond before it belongs to the last quarter."""
    assert no_new_tip(at_ten(latest=replace(LATEST, **latest))) == reason


@pytest.mark.parametrize(("spent", "reason"), [(0, None), (1, "budget_spent"), (2, "budget_spent")])
def test_the_budget_is_spent_with_its_last_interruption(spent: int, reason: str | None) -> None:
    """One of one is spent, none of one is not."""
    assert no_new_tip(at_ten(trigger=Trigger.UNSOLICITED, spent=spent)) == reason


@pytest.mark.parametrize(
    ("change", "open_"),
    [
        ({}, True),
        ({"expires_us": NOW_US}, False),
        ({"at_us": NOW_US}, True),
        ({"at_us": NOW_US + 1}, False),
        ({"silent": True}, False),
        ({"closed_us": NOW_US}, False),
    ],
)
def test_a_tip_stays_open_until_it_expires_or_is_closed(change: dict[str, Any], open_: bool) -> None:
    """At the instant of its expiry it is over, and before it was given it is not yet open."""
    assert stays_open(replace(LATEST, **change), at_ten()) is open_


def test_the_next_event_is_the_first_that_has_not_begun_before() -> None:
    """One that begins now is next, one that began is not, and without consent or event there is none."""
    calendar = ServedCalendar(0, (NOW_US - 2, NOW_US, NOW_US + 5), (NOW_US - 1, NOW_US + 1, NOW_US + 6))
    assert next_event_us(at_ten(calendar=calendar)) == NOW_US
    assert next_event_us(at_ten(calendar=calendar, now_us=NOW_US + 1)) == NOW_US + 5
    assert next_event_us(at_ten(calendar=calendar, now_us=NOW_US + 6)) is None
    only_calendar = 1 << SOURCE_BIT[Source.CALENDAR]
    assert next_event_us(at_ten(calendar=calendar, consent_mask=only_calendar)) == NOW_US
    assert next_event_us(at_ten(calendar=calendar, consent_mask=ALL_CONSENTS & ~only_calendar)) is None


@pytest.mark.parametrize(("ahead_min", "free_min"), [(29.0, 29.0), (31.0, 30.0), (None, 30.0)])
def test_an_unknown_gap_is_half_an_hour_at_most(ahead_min: float | None, free_min: float) -> None:
    """The next event that is known bounds it further; a gap that is known counts as it is."""
    starts = () if ahead_min is None else (NOW_US + int(ahead_min * MINUTE_US),)
    here = at_ten(calendar=ServedCalendar(0, starts, tuple(at_us + 1 for at_us in starts)))
    values, masked = np.full(len(FEATURES), 99.0), np.ones(len(FEATURES), np.bool_)
    assert free_minutes(here, values, masked) == free_min
    masked[POSITION["free_gap_min"]] = False
    assert free_minutes(here, values, masked) == 99.0


def test_the_names_of_reasons_and_the_length_of_blocks_are_fixed() -> None:
    """They are in answers, records and metrics, so a new name would be another reason."""
    assert [reason.value for reason in Reason] == [
        *("chosen", "open_tip", "not_worth_it", "nothing_fits", "in_event", "quiet_hours", "resting"),
        *("silence_holds", "budget_spent"),
    ]
    assert BLOCK_S == {ReactionKind.NOT_NOW: 2 * 3_600, ReactionKind.NOT_FOR_ME: 14 * 86_400}


def tip(**changes: Any) -> Candidate:
    """Return a tip of ten minutes that holds for an hour, with these changes."""
    plain = Candidate(
        id=CandidateId("breathe"),
        template="rest.breathe",
        text="Breathe.",
        kind=TipKind.ADVICE,
        topic=Topic.REST,
        effort_min=10,
        cluster=ClusterId("rest"),
        source="catalogue",
        expires_at=from_us(NOW_US + 60 * MINUTE_US),
    )
    return replace(plain, **changes)


def chosen_from(*tips: Candidate, blocked: Collection[str] = (), **known: float) -> Eligible:
    """Return which of these tips may be given at 10:00 in a gap of ten minutes, with these features and no others."""
    values, masked = np.zeros(len(FEATURES)), np.ones(len(FEATURES), np.bool_)
    for name, value in known.items():
        values[POSITION[name]], masked[POSITION[name]] = value, False
    pool = prepare(Pool(NOW_US, (), tips))
    return eligible(pool, values=values, masked=masked, now_us=NOW_US, minute=600, free_min=10.0, blocked=blocked)


@pytest.mark.parametrize(
    ("fits", "refused", "reason"),
    [
        ({"expires_at": from_us(NOW_US + 1)}, {"expires_at": from_us(NOW_US)}, "expired"),
        ({"opens_at": from_us(NOW_US)}, {"opens_at": from_us(NOW_US + 1)}, "not_yet"),
        ({"from_min": 600}, {"from_min": 601}, "time_of_day"),
        ({"until_min": 601}, {"until_min": 600}, "time_of_day"),
        (
            {"conditions": (Condition("tasks_open", 3, 5),)},
            {"conditions": (Condition("tasks_open", 4, 5),)},
            "conditions",
        ),
        (
            {"conditions": (Condition("tasks_open", 1, 3),)},
            {"conditions": (Condition("tasks_open", 1, 2),)},
            "conditions",
        ),
        ({"text": "{open} tasks"}, {"text": "{overdue} tasks"}, "conditions"),
        ({"effort_min": 10}, {"effort_min": 11}, "effort"),
        ({"cluster": ClusterId("walk")}, {"cluster": ClusterId("run")}, "cluster_blocked"),
    ],
)
def test_a_tip_fits_up_to_its_bound_and_beyond_it_is_refused_by_name(
    fits: dict[str, Any], refused: dict[str, Any], reason: str
) -> None:
    """Expiry, opening, hour, condition and effort hold to the microsecond or unit; the names are kept in records."""
    found = chosen_from(tip(**refused), tip(**fits), blocked=["run", "nothing of this pool"], tasks_open=3)
    assert (found.places.tolist(), found.refused) == ([1], {reason: 1})


def test_a_masked_feature_fulfils_no_condition() -> None:
    """What is not known counts as not fulfilled, even where zero would do; each tip is counted once."""
    unknown = (Condition("mood_last", 0, 5), Condition("energy_last", 0, 5))
    found = chosen_from(tip(conditions=unknown), tip())
    assert (found.places.tolist(), found.refused) == ([1], {"conditions": 1})


def test_a_tip_counts_under_the_first_rule_that_refuses_it() -> None:
    """Each tip breaks one rule less than the one before it, in the order of the rules."""
    broken: list[dict[str, Any]] = [
        {"expires_at": from_us(NOW_US)},
        {"opens_at": from_us(NOW_US + 1)},
        {"until_min": 10},
        {"conditions": (Condition("tasks_open", 9, 9),)},
        {"effort_min": 99},
        {"cluster": ClusterId("run")},
    ]
    tips = [tip(**dict(item for change in broken[place:] for item in change.items())) for place in range(len(broken))]
    found = chosen_from(*tips, blocked=["run"], tasks_open=3)
    assert found.places.tolist() == []
    assert list(found.refused.items()) == [
        ("expired", 1),
        ("not_yet", 1),
        ("time_of_day", 1),
        ("conditions", 1),
        ("effort", 1),
        ("cluster_blocked", 1),
    ]


def test_a_prepared_pool_keeps_its_basis_and_what_records_say_of_its_tips() -> None:
    """The references are in the order of the candidates, with all that a record keeps of them."""
    about = tip(subject=SubjectKey("s"), kind=TipKind.TODO)
    pool = prepare(Pool(NOW_US, ("basis",), (tip(), about)))
    assert (pool.basis, pool.candidates) == (("basis",), (tip(), about))
    assert pool.refs == (
        CandidateRef(CandidateId("breathe"), "rest.breathe", ClusterId("rest"), TipKind.ADVICE, Topic.REST, 10, None),
        CandidateRef(
            CandidateId("breathe"), "rest.breathe", ClusterId("rest"), TipKind.TODO, Topic.REST, 10, about.subject
        ),
    )


def test_thirty_tips_are_scored_and_the_rest_is_counted() -> None:
    """The thirty-first and the thirty-second are over capacity, the first thirty are not, and nothing is in no pool."""
    assert chosen_from(*[tip()] * 30).refused == {}
    found = chosen_from(*[tip()] * 32)
    assert (found.places.tolist(), found.refused) == (list(range(30)), {"over_capacity": 2})
    assert (chosen_from().places.tolist(), chosen_from().refused) == ([], {})


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
