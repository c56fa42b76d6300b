"""The recommender: packed reads, rules, the policy's choice, the durable record, then the answer.

The event loop and a thread share everything but the waiting: `recommend` awaits the commit, `recommend_now` blocks
for it. On the loop a decision is made in turns, so requests that wait together take each step together: sixteen times
the same step costs less than sixteen different ones, because its code is still in the core's caches.

At one person's quarter-hour point there is one decision: requests of one person that come together wait for each
other inside a process; of processes that race the database refuses all but one, and the others answer with its
decision.
"""

import asyncio
import secrets
from collections.abc import Callable, Generator
from dataclasses import replace
from datetime import datetime
from types import coroutine
from typing import NamedTuple, cast

import numpy as np

from data_contracts.answers import Recommendation
from data_contracts.decisions import Trigger
from data_contracts.errors import Conflict, Unavailable
from data_contracts.identifiers import DecisionId, PersonId, new_id, to_us
from infra.database.decisions.writer import DecisionWriter, NewDecision, new_decision
from infra.vault import Vault
from models.policies import FallbackPolicy
from serving.candidates.eligibility import Eligible, eligible
from serving.candidates.pool_maker import Made, PoolMaker
from serving.explain.explanation import words_of
from serving.recommend.active_tip import without_deciding
from serving.recommend.decision_inputs import DecisionInputs, DecisionInputsReader, vector_of
from serving.recommend.fallback import Fallback, FallbackCounts
from serving.recommend.local_time import minute_of_day
from serving.recommend.scorer import Scored, Situation, score
from serving.recommend.sealed_tip import Words, seal_words
from serving.recommend.speaking_rules import Reason, free_minutes

DEADLINE_S = 2.0
ATTEMPTS = 5
TOGETHER = 16  # requests decided together; with more, the first would wait for all of them
CROWDED = "other processes decide about this person all the time; try again"


class Decided(NamedTuple):
    """An answer, and the row that must be durable before it leaves."""

    answer: Recommendation
    row: NewDecision | None = None


class Recommender:
    """Gives one person one answer."""

    def __init__(
        self,
        *,
        reader: DecisionInputsReader,
        writer: DecisionWriter,
        vault: Vault,
        pools: PoolMaker,
        clock: Callable[[], datetime],
        counts: FallbackCounts | None = None,
        new_seed: Callable[[], int] = lambda: secrets.randbits(63),
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self.counts = counts or FallbackCounts()
        self._reader = reader
        self._writer = writer
        self._vault = vault
        self._pools = pools
        self._clock = clock
        self._new_seed = new_seed
        self._deadline_s = deadline_s
        self._together = asyncio.Semaphore(TOGETHER)
        self._busy: dict[PersonId, asyncio.Future[None]] = {}
        self._fallback_policy = FallbackPolicy()

    async def recommend(
        self, person: PersonId, trigger: Trigger, *, session_epoch: int | None = None
    ) -> Recommendation:
        """Return the answer on the event loop, durable before it returns.

        Raises `Unauthenticated` when `session_epoch` is not the person's, `ErasedPerson`, `NotFound`, `Unavailable`.
        """
        while (earlier := self._busy.get(person)) is not None:
            await asyncio.wait((earlier,))
        mine = self._busy[person] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._recommend(person, trigger, session_epoch)
        except TimeoutError:
            self.counts.add(Fallback.LATE)
            return Recommendation(None, None, Fallback.LATE.value, fallback=Fallback.LATE.value)
        finally:
            del self._busy[person]
            mine.set_result(None)

    def recommend_now(
        self, person: PersonId, trigger: Trigger, *, at: datetime | None = None, session_epoch: int | None = None
    ) -> Recommendation:
        """Return the answer in a thread, at `at` or now; raises as `recommend`."""
        for _ in range(ATTEMPTS):
            seen = self._reader.read(person, trigger, to_us(at or self._clock()), session_epoch)
            answer = without_deciding(seen, self._vault)
            if answer is not None:
                return answer
            decided = self.decide(seen, self.pool_of(seen))
            try:
                if decided.row is not None:
                    self._writer.write(decided.row)
            except Conflict:  # another process was first: what it decided is the answer
                continue
            return decided.answer
        raise Unavailable(CROWDED)

    async def _recommend(self, person: PersonId, trigger: Trigger, session_epoch: int | None) -> Recommendation:
        for _ in range(ATTEMPTS):
            async with self._together:
                seen = self._reader.read(person, trigger, to_us(self._clock()), session_epoch)
                await asyncio.sleep(0)
                answer = without_deciding(seen, self._vault)
                if answer is not None:
                    return answer
                made = self._ready(seen)
                decided = None if made is None else await self._in_turns(seen, made)
            if decided is None:
                decided = self.decide(seen, await asyncio.to_thread(self._make_pool, seen))
            try:
                if decided.row is not None:
                    await self._writer.submit(decided.row)
            except Conflict:  # as above
                continue
            return decided.answer
        raise Unavailable(CROWDED)

    def pool_of(self, seen: DecisionInputs) -> Made:
        """Return the pool that holds now, made at once when none does."""
        return self._ready(seen) or self._make_pool(seen)

    def decide(self, seen: DecisionInputs, made: Made) -> Decided:
        """Return the decision of the arm's policy, or of the fallback policy, and its answer; nothing is written."""
        steps = self._deciding(seen, made)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return cast("Decided", end.value)

    def _deciding(self, seen: DecisionInputs, made: Made) -> Generator[None, None, Decided]:
        """Return what `decide` does; `yield` stands between two steps."""
        situation = situation_of(seen, made)
        fallback = self._degraded(seen, made)
        while situation.eligible.places.size:
            yield
            scored = self._score(situation, seen, fallback)
            yield
            if scored.candidate is None:
                decision = scored.decision
                answer = Recommendation(None, decision.id, decision.reason, fallback=fallback)
                return Decided(answer, new_decision(decision, follows=_before(seen)))
            words = words_of(scored.candidate, situation)
            if words is not None:
                yield
                return self._spoken(scored, words, _before(seen))
            self.counts.add(Fallback.NO_WORDS)
            situation = without(situation, scored.decision.chosen)
        return Decided(Recommendation(None, None, Reason.NOTHING_FITS.value, fallback=fallback))

    _in_turns = coroutine(_deciding)  # awaited, it gives the loop to others at each `yield`

    def _spoken(self, scored: Scored, words: Words, follows: str | None) -> Decided:
        decision = scored.decision
        box = seal_words(self._vault, decision.person, decision.id, words)
        view = words.view(decision.expires_us)
        return Decided(
            Recommendation(view, decision.id, decision.reason, fallback=decision.fallback),
            new_decision(decision, box, follows=follows),
        )

    def _score(self, situation: Situation, seen: DecisionInputs, fallback: Fallback | None) -> Scored:
        arm = seen.arm
        return score(
            situation,
            arm.policy or self._fallback_policy,
            arm.part,
            decision_id=DecisionId(new_id(self._clock())),
            seed=self._new_seed(),
            fallback=fallback,
            arm=arm.name,
        )

    def _degraded(self, seen: DecisionInputs, made: Made) -> Fallback | None:
        """Return and count the gravest thing that is missing."""
        fallback = made.fallback
        if seen.arm.policy is None:
            fallback = Fallback.NO_CHAMPION
        elif seen.arm.fallen_back:
            fallback = Fallback.NO_CHALLENGER
        elif seen.packet.event_us == 0:
            fallback = Fallback.NO_FEATURES
        if fallback is not None:
            self.counts.add(fallback)
        return fallback

    def _ready(self, seen: DecisionInputs) -> Made | None:
        pool = self._pools.ready(seen.person.person, seen.packet, seen.person.consent_mask, seen.zone, seen.now_us)
        return None if pool is None else Made(pool)

    def _make_pool(self, seen: DecisionInputs) -> Made:
        person = seen.person
        return self._pools.make(person.person, seen.packet.row, person.consent_mask, seen.zone, seen.now_us)


def _before(seen: DecisionInputs) -> str | None:
    """Return what a decision now comes after, which one decision alone may do; None for one about the past."""
    newest = seen.person.newest
    if newest is None:
        return seen.person.person
    return newest.id if newest.at_us <= seen.now_us else None


def situation_of(seen: DecisionInputs, made: Made) -> Situation:
    """Return what the policy decides about: the vector, and the tips that may be given."""
    vector, moment = vector_of(seen), seen.moment
    chosen = eligible(
        made.pool,
        values=vector.values,
        masked=vector.masked,
        now_us=seen.now_us,
        minute=minute_of_day(seen.now_us, seen.zone),
        free_min=free_minutes(moment, vector.values, vector.masked),
        blocked=[cluster for cluster, until_us in seen.person.blocks if until_us > seen.now_us],
    )
    person = seen.person
    row = seen.packet.row
    return Situation(person.person, moment, row, vector, made.pool, chosen, person.silence_price, person.sequence)


def without(situation: Situation, index: int) -> Situation:
    """Return the situation without one of the tips that may be given."""
    places, refused = situation.eligible
    left = Eligible(np.delete(places, index), {**refused, "no_words": refused.get("no_words", 0) + 1})
    return replace(situation, eligible=left)
