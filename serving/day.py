"""A day in quarter hours, without logging: when oO would speak, what it would say, and why it would not.

Each step stands for itself: the reads, the rules, the pool and the policy of that instant, as if nothing had been
answered that day. It speaks when the most probable action is a tip; that tip is shown with its probability.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime

from data_contracts.answers import TipView
from data_contracts.decisions import Trigger
from data_contracts.identifiers import PersonId, from_us, to_us
from serving.champion import ChampionHolder
from serving.explanation import words_of
from serving.fallback import FallbackPolicy
from serving.local_time import POINT_US, day_start_us
from serving.moments import Reason, closed_now
from serving.pool_maker import PoolMaker
from serving.recommender import situation_of
from serving.scorer import actions_of, context_of, expiry_us
from serving.seen import Seen, SeenReader, part_of


@dataclass(frozen=True, slots=True)
class Step:
    """One quarter hour; `probability` is that of the most probable action, silence or the tip."""

    at: datetime
    speaks: bool
    reason: str
    tip: TipView | None = None
    probability: float = 1.0


class Day:
    """Evaluates days of a person; reads only."""

    def __init__(self, reader: SeenReader, pools: PoolMaker, champion: ChampionHolder) -> None:
        self._reader = reader
        self._pools = pools
        self._champion = champion

    def steps(self, person: PersonId, day: date | None, now: datetime) -> list[Step]:
        """Return the steps of a local day, by default the one of `now`; raises `NotFound`, `ErasedPerson`."""
        seen = self._reader.read(person, Trigger.OPEN, to_us(now))
        if day is None:
            start_us = day_start_us(seen.now_us, seen.zone)
        else:
            midday = datetime(day.year, day.month, day.day, 12, tzinfo=seen.zone)
            start_us = day_start_us(to_us(midday), seen.zone)
        end_us = day_start_us(start_us, seen.zone, 1)
        return [self._step(seen, at_us) for at_us in range(start_us, end_us, POINT_US)]

    def _step(self, read: Seen, at_us: int) -> Step:
        seen = _at(read, at_us)
        at = from_us(at_us).astimezone(seen.zone)
        closed = closed_now(seen.moment)
        if closed is not None:
            return Step(at, False, closed.value)
        person = seen.person
        made = self._pools.imagine(person.person, seen.packet.row, person.consent_mask, seen.zone, at_us)
        situation = situation_of(seen, made)
        if situation.eligible.places.size == 0:
            return Step(at, False, Reason.NOTHING_FITS.value)
        policy = self._champion.held.policy
        part = part_of(person) if policy is not None else None
        context = context_of(situation.vector, seen.moment.spent, person.silence_price, part)
        choice = (policy or FallbackPolicy()).choose(context, actions_of(situation), 0)
        best = int(choice.probabilities.argmax())
        probability = float(choice.probabilities[best])
        if best == situation.eligible.places.size:
            return Step(at, False, Reason.NOT_WORTH_IT.value, probability=probability)
        candidate = made.pool.candidates[situation.eligible.places[best]]
        words = words_of(candidate, situation)
        if words is None:
            return Step(at, False, Reason.NOTHING_FITS.value)
        view = words.view(expiry_us(candidate, seen.moment))
        return Step(at, True, Reason.CHOSEN.value, view, probability)


def _at(read: Seen, at_us: int) -> Seen:
    """Return what was read, at another instant and with nothing open or spent."""
    there = replace(read.moment, now_us=at_us, spent=0, latest=None)
    return read._replace(now_us=at_us, moment=there)
