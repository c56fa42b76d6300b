"""Response models for operators."""

from datetime import datetime

from pydantic import BaseModel


class CheckOut(BaseModel):
    """What one adapter said to its last ping, and how long ago that was; `age_s` is null before the first one."""

    name: str
    ok: bool
    vital: bool
    detail: str
    took_ms: float
    age_s: float | None


class OverrideOut(BaseModel):
    """A promotion that somebody forced, and why."""

    reason: str
    since: datetime


class HealthOut(BaseModel):
    """`ok`, `degraded` when a lesser adapter fails, `down` when a vital one does."""

    status: str
    checks: list[CheckOut]
    override: OverrideOut | None


class StatsOut(BaseModel):
    """Totals over all people, of decisions that were not simulated."""

    people: int
    events: int
    quarantined: int
    decisions: int
    shown: int
    silence_rate: float | None
    reactions: dict[str, int]
    fallbacks: dict[str, int]
    champion_digest: str | None
    posterior_versions: dict[str, int]
    overrides: int


class DecidingOut(BaseModel):
    """Who decides; `keeps_up_with` is the mean reward below which it is demoted."""

    digest: str
    policy: str
    revision: int
    since_us: int
    override_reason: str | None
    keeps_up_with: float | None


class PersonalOut(BaseModel):
    """One person, without a name: explained squared error a tip, and the chance of as much without personal tastes."""

    tips: int
    gain: float
    p_value: float
    verdict: str


class PersonalisationOut(BaseModel):
    """The resampling test of all people together, and how many stand alone against how many would by chance."""

    people: int
    gain: float | None
    p_value: float | None
    verdict: str
    personalised: int
    by_chance: float
    each: list[PersonalOut]


class ControlOut(BaseModel):
    """The champion's value minus that of the standing control, with a 95 % interval."""

    policy: str
    difference: float | None
    low: float | None
    high: float | None
    rows: int
    ess: float
    verdict: str
    reason: str


class HoldoutOut(BaseModel):
    """Person-days in each arm of a holdout or an experiment, and whether these are the arms' shares."""

    units: dict[str, int]
    expected: dict[str, float]
    chi_square: float | None
    p_value: float | None
    verdict: str


class MeanOut(BaseModel):
    """A mean over person-days with its 95 % interval."""

    days: int
    value: float | None
    low: float
    high: float


class ArmOut(MeanOut):
    """One arm of an experiment: mean reward of its person-days, and decisions in which its policy fell back."""

    arm: str
    policy_digest: str
    decisions: int
    rewarded: int
    fallen_back: int


class ExperimentOut(BaseModel):
    """The newest live experiment: intervals hold however often one looks, that of `after_own_arm` for one look."""

    id: str
    champion: str
    challenger: str
    share: float
    began_us: int
    ends_us: int
    ended_us: int | None
    ended_why: str | None
    arms: list[ArmOut]
    difference: MeanOut
    after_own_arm: MeanOut | None
    verdict: str
    sample_ratio: HoldoutOut


class ComparisonOut(BaseModel):
    """What a challenger had seen by then."""

    at_us: int
    decisions: int
    agreement: float
    value_difference: float


class GateOut(BaseModel):
    """The gate's newest answer; `failing` is null on promotion."""

    verdict: str
    failing: str | None
    value: float | None
    bound: float | None
    reason: str
    at_us: int


class ChallengerOut(BaseModel):
    """A policy in shadow beside the champion."""

    digest: str
    policy: str
    gate: GateOut | None
    over_time: list[ComparisonOut]


class NeedOut(BaseModel):
    """What it takes to see a difference with 80 % power."""

    difference: float
    rows: int
    days: int | None
    enough: bool


class PowerOut(BaseModel):
    """What the decisions of the last 28 days can show, and how many days the rest takes at the pace of now."""

    people: int
    rows: int
    rows_a_day: float
    needs: list[NeedOut]
    verdict: str
    reason: str = ""


class LearningOut(BaseModel):
    """One learning report; `evidence` says whose decisions it counted."""

    at: datetime
    evidence: str
    champion: DecidingOut | None
    personalisation: PersonalisationOut
    control: ControlOut
    holdout: HoldoutOut
    experiment: ExperimentOut | None = None
    challengers: list[ChallengerOut]
    power: PowerOut
