"""The people of the tip benchmark: simulated lives with at least thirty tips to choose from, in both homes alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.lives import NOW_US, life
from data_contracts.decisions import Trigger
from data_contracts.durations import MINUTE_US
from data_contracts.identifiers import PersonId, SubjectKey
from data_contracts.served import ServedRow
from feature_repo.state.batch_fold import fold
from feature_repo.state.served_row import served_row
from feature_repo.vector.kernel import ALL_CONSENTS, context_vector
from models.rewards.person_posterior import Observation, PersonPosterior, PersonPrior, rebuild
from serving.candidates.candidates import Pool, build_pool
from serving.candidates.catalogue import Catalogue
from serving.candidates.eligibility import MOST_ACTIONS, eligible, prepare
from serving.candidates.subjects import Surroundings
from serving.recommend.local_time import POINT_US, decision_point_us, minute_of_day
from serving.recommend.speaking_rules import Moment, closed_now, free_minutes

ZONE = ZoneInfo("Europe/Berlin")
QUIET = (1_320, 480)
EVENTS = 400
LIVES = 40
POINTS = 4  # quarter-hour points at which everybody is asked, all within the hour that a pool holds
REACTIONS = 20
FIRST_US = decision_point_us(NOW_US) + POINT_US  # the pools are made at NOW_US, just before


def point_us(round_number: int) -> int:
    """Return the instant at which round n is asked, a minute past its quarter-hour point."""
    return FIRST_US + round_number * POINT_US + MINUTE_US


@dataclass(frozen=True)
class Situation:
    """One life as the stores hold it; several people live it under their own names and keys."""

    row: ServedRow
    event_us: int
    pool: Pool


def situations(count: int = LIVES) -> list[Situation]:
    """Return lives in which thirty or more tips may be given at every point; seeds are tried in order."""
    found: list[Situation] = []
    seed = 0
    while len(found) < count:
        seed += 1
        row = served_row(fold(life(seed, EVENTS)), NOW_US)
        keys = (*row.tasks.due_keys, *row.tasks.undated_keys, *row.habits.habit_keys)
        titles = {SubjectKey(key): f"chapter {place} of the report" for place, key in enumerate(keys, 1)}
        pool = build_pool([Catalogue()], Surroundings(row, titles, NOW_US, ZONE, ALL_CONSENTS))
        if all(_has_choice(row, pool, point_us(number)) for number in range(POINTS)):
            found.append(Situation(row, max(part[0] for part in row), pool))
    return found


def _has_choice(row: ServedRow, pool: Pool, now_us: int) -> bool:
    start, end = QUIET
    moment = Moment(now_us, ZONE, row.calendar, ALL_CONSENTS, start, end, Trigger.OPEN, budget=3, spent=0)
    if closed_now(moment) is not None:
        return False
    vector = context_vector(row, now_us, ZONE, ALL_CONSENTS, quiet_start_min=start, quiet_end_min=end)
    chosen = eligible(
        prepare(pool),
        values=vector.values,
        masked=vector.masked,
        now_us=now_us,
        minute=minute_of_day(now_us, ZONE),
        free_min=free_minutes(moment, vector.values, vector.masked),
        blocked=(),
    )
    return len(chosen.places) == MOST_ACTIONS


@dataclass(frozen=True)
class Resident:
    """One person of the benchmark: pseudonym, cookie, life, and what their reactions have taught so far."""

    number: int
    situation: Situation
    prior: PersonPrior

    @property
    def person(self) -> PersonId:
        """A stable pseudonym."""
        return PersonId(sha256(f"person {self.number}".encode()).hexdigest()[:32])

    def secret(self, count: int) -> bytes:
        """Return the random bytes of their session, the same at each run."""
        return sha256(f"session {self.number}".encode()).digest()[:count]

    @cached_property
    def part(self) -> PersonPosterior:
        """The posterior of twenty made-up reactions."""
        rng = np.random.default_rng(self.number)
        seen = [
            Observation(NOW_US - (place + 1) * POINT_US, f"{place:032x}", rng.random(self.prior.scale.size), residual)
            for place, residual in enumerate(rng.normal(0.0, 0.3, REACTIONS).tolist())
        ]
        return rebuild(self.prior, seen)


def residents(count: int, prior: PersonPrior) -> Iterator[Resident]:
    """Yield the people, the lives going round."""
    lives = situations()
    for number in range(count):
        yield Resident(number, lives[number % len(lives)], prior)
