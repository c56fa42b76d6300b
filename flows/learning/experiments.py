"""A live experiment: a challenger decides on a share of person-days, and the arms are compared while it runs.

It begins by an operator's command, and only for a challenger that has run in shadow and passes the gate's rules of no
harm. It ends by command, at its date, with a change of the champion, or by itself once the challenger is shown to be
worse.
"""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from data_contracts.durations import DAY_US
from data_contracts.errors import Malformed, NotFound
from data_contracts.identifiers import PolicyDigest, from_us, new_id, to_us
from flows.context import FlowContext
from flows.learning.log_export import settled
from flows.learning.promotion import gathered, refuse, seen_in_shadow
from infra.database.policies import experiments, policies
from infra.database.policies.experiments import Experiment
from infra.database.policies.policies import Champion
from models.estimators.evaluation import WORSE
from models.logs.exposure_weighting import counts
from models.promotion.arm_comparison import compare, unmixed
from models.promotion.experiments import CHALLENGER, CHAMPION, MISMATCHED, live_experiment, lived_day, sample_ratio
from models.promotion.gate import PromotionRequest, Verdict, admitted, gate
from models.registry.policy_registry import PolicyRegistry
from serving.recommend.fallback import Fallback

MAX_SHARE = 0.5
MAX_DAYS = 365
HARM = "the challenger is shown to be worse"
Json = dict[str, Any]


@dataclass(slots=True)
class _Day:
    """What is known of one person-day: its arm and that of the day before, and the rewards that count."""

    arm: str
    before: str
    rewards: list[float] = field(default_factory=list)
    decisions: int = 0
    fallen_back: int = 0


class _Decided(NamedTuple):
    """One decision of a person-day, as `models.logs.exposure_weighting` looks at it."""

    day: _Day
    id: str
    group: tuple[int, str]
    silent: bool
    reward: float | None


def begin(
    context: FlowContext,
    registry: PolicyRegistry,
    challenger: PolicyDigest,
    *,
    share: float,
    days: int,
    actor: str,
    override: str | None = None,
) -> Experiment:
    """Let a challenger decide on a share of all person-days from now on, for so many days.

    Raises `PromotionRefused` when it was not seen in shadow or breaks a rule of no harm and there is no `override`,
    `NotFound` without a champion, `ArtifactRefused` for one that does not verify, `Conflict` when an experiment runs.
    """
    if not (0.0 < share <= MAX_SHARE and 1 <= days <= MAX_DAYS):
        raise Malformed(f"an experiment takes a share in (0, {MAX_SHARE}] and 1 to {MAX_DAYS} days")
    with context.database.read() as session:
        before = policies.champion(session)
    if before.digest is None:
        raise NotFound("there is no champion to compare with yet")
    registry.fetch(challenger)  # its artifact must lie where serving reads it, verified
    opinion = _harm(context, registry, challenger, before)
    refuse(opinion, override)
    now = context.clock()
    begins_us = to_us(now)
    wanted = Experiment(new_id(now), before.digest, challenger, share, begins_us, begins_us + days * DAY_US)
    with context.database.unit_of_work() as uow:
        experiments.begin(uow, wanted, actor=actor, override_reason=None if opinion.failing is None else override)
        uow.commit()
    return wanted


def end(context: FlowContext, *, actor: str, why: str) -> Experiment:
    """End the experiment that runs; raises `NotFound` when none does."""
    with context.database.unit_of_work() as uow:
        ended = experiments.end(uow, at_us=to_us(context.clock()), why=why, actor=actor)
        uow.commit()
    if ended is None:
        raise NotFound("no experiment runs")
    return ended


def look(context: FlowContext, *, actor: str) -> Json | None:
    """Return what the newest experiment has shown so far, and end it when it is over or its challenger is worse."""
    with context.database.unit_of_work() as uow:
        experiments.end(uow, at_us=to_us(context.clock()), why=experiments.BY_DATE, actor=actor, only_due=True)
        uow.commit()
    with context.database.read() as session:
        found = experiments.newest(session)
    if found is None:
        return None
    told = report(context, found)
    if found.ended_us is None and told["verdict"] == WORSE:
        with context.database.unit_of_work() as uow:
            ended = experiments.end(uow, at_us=to_us(context.clock()), why=HARM, actor=actor)
            uow.commit()
        if ended is not None:  # else somebody was faster
            told |= {"ended_us": ended.ended_us, "ended_why": ended.ended_why}
    return told


def report(context: FlowContext, experiment: Experiment) -> Json:
    """Return the arms with their rewards, their difference, and whether they have the sizes of their shares."""
    days = _days(context, experiment)
    units = Counter(day.arm for day in days)
    ratio = sample_ratio(live_experiment(experiment.id, experiment.share), units)
    lived = [day for day in days if day.rewards]
    rewards = np.array([np.mean(day.rewards) for day in lived])
    tried = np.array([day.arm == CHALLENGER for day in lived], dtype=np.bool_)
    compared = compare(rewards, tried, experiment.share)
    own = unmixed(rewards, tried, np.array([day.arm == day.before for day in lived], dtype=np.bool_))
    digests = {CHAMPION: experiment.champion, CHALLENGER: experiment.challenger}
    return {
        **experiment._asdict(),
        "arms": [
            {
                "arm": arm,
                "policy_digest": digest,
                **getattr(compared, arm)._asdict(),
                "decisions": sum(day.decisions for day in days if day.arm == arm),
                "rewarded": sum(len(day.rewards) for day in days if day.arm == arm),
                "fallen_back": sum(day.fallen_back for day in days if day.arm == arm),
            }
            for arm, digest in digests.items()
        ],
        "difference": compared.difference._asdict(),
        "after_own_arm": None if own is None else own._asdict(),
        "verdict": MISMATCHED if ratio.verdict == MISMATCHED else compared.verdict,
        "sample_ratio": asdict(ratio),
    }


def _days(context: FlowContext, experiment: Experiment) -> list[_Day]:
    """Return the person-days that were decided in the experiment, in the order of their first decisions."""
    arms = live_experiment(experiment.id, experiment.share)
    days: dict[str, _Day] = {}
    decided: list[_Decided] = []
    for row in settled(
        context.database, origin=context.settings.evidence, since_us=experiment.began_us, unsettled=True
    ):
        decision = row.decision
        if decision.arm is None or not decision.arm.startswith(f"{experiment.id}/"):
            continue
        today = from_us(decision.at_us).astimezone(ZoneInfo(decision.zone)).date()
        unit = lived_day(decision.person, today)
        if unit not in days:
            began = from_us(experiment.began_us).astimezone(ZoneInfo(decision.zone)).date()
            before = CHAMPION if today == began else arms.arm_of(lived_day(decision.person, today - timedelta(days=1)))
            days[unit] = _Day(decision.arm.partition("/")[2], before)
        days[unit].decisions += 1
        days[unit].fallen_back += decision.fallback == Fallback.NO_CHALLENGER
        decided.append(_Decided(days[unit], decision.id, (row.person, decision.trigger), decision.silent, row.reward))
    silent = np.array([each.silent for each in decided], dtype=np.bool_)
    rewarded = np.array([each.reward is not None for each in decided], dtype=np.bool_)
    counting = counts([d.id for d in decided], [d.group for d in decided], silent=silent, rewarded=rewarded)
    for each, counted in zip(decided, counting, strict=True):
        if counted and each.reward is not None:
            each.day.rewards.append(each.reward)
    return list(days.values())


def _harm(context: FlowContext, registry: PolicyRegistry, challenger: PolicyDigest, before: Champion) -> Verdict:
    """Return whether a challenger may be tried: the rule of no harm that it breaks, if any."""
    comparison = seen_in_shadow(context, challenger, before)
    origin = context.settings.evidence
    opinion = admitted(PromotionRequest(challenger, before.digest, comparison), counts=origin)
    if opinion.failing is not None or comparison is None:
        return opinion
    return gate(gathered(context, registry, comparison), counts=origin, trial=True)
