"""A day in quarter hours, without logging: when oO would speak, what it would say, and why it would not.

The day is walked as if it were lived: a tip that is given stays open until it ends, counts as seen, spends the
interruption budget, and tires its cluster; nobody answers. oO speaks when the most probable action is a tip, by the
policy that decides about the person now.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from data_contracts.answers import TipView
from data_contracts.decisions import Trigger
from data_contracts.identifiers import PersonId, from_us, to_us
from data_contracts.served import CAPS
from models.policies import FallbackPolicy
from serving.candidates.pool_maker import PoolMaker
from serving.explain.explanation import words_of
from serving.recommend.decision_inputs import DecisionInputs, DecisionInputsReader
from serving.recommend.local_time import POINT_US, day_start_us
from serving.recommend.recommender import situation_of
from serving.recommend.scorer import actions_of, context_of, expiry_us
from serving.recommend.speaking_rules import Reason, closed_now, no_new_tip


@dataclass(frozen=True, slots=True)
class Step:
    """One quarter hour; `probability` is that of the most probable action, silence or the tip."""

    at: datetime
    speaks: bool
    reason: str
    tip: TipView | None = None
    probability: float = 1.0


class _Lived(NamedTuple):
    """The day so far: what would be read now, and the tip that is still open."""

    seen: DecisionInputs
    open: TipView | None = None
    open_until_us: int = 0


class Day:
    """Evaluates days of a person; reads only."""

    def __init__(self, reader: DecisionInputsReader, pools: PoolMaker) -> None:
        self._reader = reader
        self._pools = pools

    def steps(self, person: PersonId, day: date | None, now: datetime) -> list[Step]:
        """Return the steps of a local day, by default the one of `now`; raises `NotFound`, `ErasedPerson`."""
        seen = self._reader.read(person, Trigger.OPEN, to_us(now))
        if day is None:
            start_us = day_start_us(seen.now_us, seen.zone)
        else:
            midday = datetime(day.year, day.month, day.day, 12, tzinfo=seen.zone)
            start_us = day_start_us(to_us(midday), seen.zone)
        end_us = day_start_us(start_us, seen.zone, 1)
        lived = _begin(seen)
        steps = []
        for at_us in range(start_us, end_us, POINT_US):
            step, lived = self._step(lived, at_us)
            steps.append(step)
        return steps

    def _step(self, lived: _Lived, at_us: int) -> tuple[Step, _Lived]:
        seen = _at(lived.seen, at_us)
        at = from_us(at_us).astimezone(seen.zone)
        closed = closed_now(seen.moment)
        if closed is not None:
            return Step(at, False, closed.value), lived
        if lived.open is not None and lived.open_until_us > at_us:
            return Step(at, False, Reason.OPEN_TIP.value, lived.open), lived
        spent = no_new_tip(seen.moment)
        if spent is not None:
            return Step(at, False, spent.value), lived
        step, cluster, expires_us = self._decide(seen, at)
        if step.tip is None:
            return step, lived
        return step, _Lived(_shown(lived.seen, at_us, cluster), step.tip, expires_us)

    def _decide(self, seen: DecisionInputs, at: datetime) -> tuple[Step, str, int]:
        """Return the step, and of the tip that it gives the cluster and the end."""
        person = seen.person
        made = self._pools.imagine(person.person, seen.packet.row, person.consent_mask, seen.zone, seen.now_us)
        situation = situation_of(seen, made)
        if situation.eligible.places.size == 0:
            return Step(at, False, Reason.NOTHING_FITS.value), "", 0
        context = context_of(situation.vector, seen.moment.spent, person.silence_price, seen.arm.part)
        choice = (seen.arm.policy or FallbackPolicy()).choose(context, actions_of(situation), 0)
        best = int(choice.probabilities.argmax())
        probability = float(choice.probabilities[best])
        if best == situation.eligible.places.size:
            return Step(at, False, Reason.NOT_WORTH_IT.value, probability=probability), "", 0
        candidate = made.pool.candidates[situation.eligible.places[best]]
        words = words_of(candidate, situation)
        if words is None:
            return Step(at, False, Reason.NOTHING_FITS.value), "", 0
        expires_us = expiry_us(candidate, seen.moment)
        return Step(at, True, Reason.CHOSEN.value, words.view(expires_us), probability), candidate.cluster, expires_us


def _begin(read: DecisionInputs) -> _Lived:
    """Return what was read as the start of a day: nothing open, nothing spent, unsolicited tips."""
    moment = replace(read.moment, spent=0, latest=None, trigger=Trigger.UNSOLICITED)
    return _Lived(read._replace(moment=moment))


def _at(read: DecisionInputs, at_us: int) -> DecisionInputs:
    """Return what was read, at another instant."""
    return read._replace(now_us=at_us, moment=replace(read.moment, now_us=at_us))


def _shown(read: DecisionInputs, at_us: int, cluster: str) -> DecisionInputs:
    """Return what would be read after a tip of this cluster was seen."""
    tips = read.packet.row.tips
    kept = CAPS["shown_us"] - 1
    seen = tips._replace(
        last_us=max(tips.last_us, at_us),
        shown_us=(at_us, *tips.shown_us[:kept]),
        shown_clusters=(cluster, *tips.shown_clusters[:kept]),
        shown_unsolicited=(1, *tips.shown_unsolicited[:kept]),
    )
    packet = read.packet._replace(row=read.packet.row._replace(tips=seen))
    return read._replace(packet=packet, moment=replace(read.moment, spent=read.moment.spent + 1))
