"""The speaking rules, before any policy: pure, each with a name that the answer gives as its reason.

A rule's silence is no decision: nothing was chosen, so nothing is logged (docs/adr/0009-decision-points.md).

1. `in_event`: never between the first and the last minute of a busy event, both included. An event that is known but
   old still silences; without consent the calendar is not looked at.
2. `quiet_hours`: never in the person's own quiet hours; equal start and end mean that there are none.
3. `resting`: after a reaction nothing comes until the next quarter-hour point.
4. `silence_holds`: silence that a policy chose stays until the next quarter-hour point, so reloading cannot roll again.
5. `budget_spent`: an unsolicited tip needs budget left today; opening the page is free.
6. Effort must fit the free gap. Where the calendar is not known (no consent, no calendar, too old) a tip is still
   allowed, but of at most `UNKNOWN_GAP_MIN` minutes: more time than that is not certain.
"""

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_contracts.decisions import Trigger
from data_contracts.durations import MINUTE_US
from data_contracts.features import POSITION, Source
from data_contracts.rewards import CLUSTER_BLOCK_S, DEFERRAL_S, ReactionKind
from data_contracts.served import ServedCalendar
from serving.candidates.subjects import SOURCE_BIT
from serving.recommend.local_time import decision_point_us, minute_of_day, within_daily

UNKNOWN_GAP_MIN = 30.0
FREE_GAP = POSITION["free_gap_min"]
BLOCK_S: dict[ReactionKind, int] = {
    ReactionKind.NOT_NOW: DEFERRAL_S,
    ReactionKind.NOT_FOR_ME: CLUSTER_BLOCK_S,
}


class Reason(StrEnum):
    """Why the answer is what it is."""

    CHOSEN = "chosen"
    OPEN_TIP = "open_tip"
    NOT_WORTH_IT = "not_worth_it"
    NOTHING_FITS = "nothing_fits"
    IN_EVENT = "in_event"
    QUIET_HOURS = "quiet_hours"
    RESTING = "resting"
    SILENCE_HOLDS = "silence_holds"
    BUDGET_SPENT = "budget_spent"


@dataclass(frozen=True, slots=True)
class Latest:
    """What the rules need of the newest decision."""

    at_us: int
    silent: bool
    expires_us: int
    closed_us: int | None
    reacted: bool  # closed by the person's own reaction


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of a person's day, as far as the rules look at it."""

    now_us: int
    zone: ZoneInfo
    calendar: ServedCalendar
    consent_mask: int
    quiet_start_min: int
    quiet_end_min: int
    trigger: Trigger
    budget: int
    spent: int  # interruptions since local midnight
    latest: Latest | None = None


def closed_now(moment: Moment) -> Reason | None:
    """Return the rule that silences every tip at this instant, the open one too."""
    if in_event(moment):
        return Reason.IN_EVENT
    minute = minute_of_day(moment.now_us, moment.zone)
    if within_daily(minute, moment.quiet_start_min, moment.quiet_end_min):
        return Reason.QUIET_HOURS
    return None


def no_new_tip(moment: Moment) -> Reason | None:
    """Return the rule that lets no new decision be made at this instant."""
    latest = moment.latest
    point_us = decision_point_us(moment.now_us)
    if latest is not None:
        if latest.reacted and latest.closed_us is not None and latest.closed_us >= point_us:
            return Reason.RESTING
        if latest.silent and latest.at_us >= point_us:
            return Reason.SILENCE_HOLDS
    if moment.trigger is Trigger.UNSOLICITED and moment.spent >= moment.budget:
        return Reason.BUDGET_SPENT
    return None


def in_event(moment: Moment) -> bool:
    """Return whether a busy event that may be known is going on."""
    if not moment.consent_mask >> SOURCE_BIT[Source.CALENDAR] & 1:
        return False
    following = bisect_left(moment.calendar.busy_end_us, moment.now_us)
    starts = moment.calendar.busy_start_us
    return following < len(starts) and starts[following] <= moment.now_us


def next_event_us(moment: Moment) -> int | None:
    """Return when the next busy event that may be known begins."""
    if not moment.consent_mask >> SOURCE_BIT[Source.CALENDAR] & 1:
        return None
    following = bisect_left(moment.calendar.busy_start_us, moment.now_us)
    starts = moment.calendar.busy_start_us
    return starts[following] if following < len(starts) else None


def free_minutes(moment: Moment, values: NDArray[np.float64], masked: NDArray[np.bool_]) -> float:
    """Return the minutes that a tip may take: the free gap, capped where the calendar is not known.

    A known calendar that is too old to be trusted still bounds the gap by what it says.
    """
    if not masked[FREE_GAP]:
        return float(values[FREE_GAP])
    event_us = next_event_us(moment)
    known = UNKNOWN_GAP_MIN if event_us is None else (event_us - moment.now_us) / MINUTE_US
    return min(UNKNOWN_GAP_MIN, known)


def stays_open(latest: Latest, moment: Moment) -> bool:
    """Return whether an earlier tip is still to be answered: given, not closed, not expired."""
    return not latest.silent and latest.closed_us is None and latest.expires_us > moment.now_us >= latest.at_us
