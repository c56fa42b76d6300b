"""The log of a policy in the simulated world: every row carries its origin and is no evidence.

People are independent, moments are independent draws; each decision has its own candidates, and the answer follows
`models.simulation.answers`. Silence brings its documented reward.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from data_contracts.decisions import SILENCE, CandidateRef, Decision, Origin, Trigger
from data_contracts.durations import HOUR_US
from data_contracts.features import FEATURE_SERVICE_VERSION
from data_contracts.identifiers import CandidateId, ClusterId, DecisionId, PersonId
from data_contracts.rewards import SILENCE_PRICE, WAIT_WINDOW_S, silence_reward
from data_contracts.served import ServedRow
from data_contracts.tips import TipKind
from models.logs.decision_log import LoggedDecision
from models.policies.policy import Choice, Context, Floats, Policy
from models.rewards import design
from models.rewards.action_features import ACTION_COLUMNS
from models.simulation.answers import answers
from models.simulation.moments import Moments, moments
from models.simulation.offers import TOPICS, Offers, offers
from models.simulation.people import People, people

BEGIN_US = 1_790_000_000_000_000
STEP_US = HOUR_US
CANDIDATES = 6
TURN = 4.0  # log-odds of listening that people lose when their world turns


class Setting(NamedTuple):
    """Where a log is lived: by whom, from when on, how far apart, and what silence is worth to them."""

    crowd: People | None = None  # None draws new people from the seed
    begin_us: int = BEGIN_US
    step_us: int = STEP_US
    price: float = SILENCE_PRICE


Deciding = Callable[[PersonId, int], tuple[Policy, str | None]]  # who decides for a person at an instant, in which arm


def turned(crowd: People) -> People:
    """Return the people after their world has turned: what they liked they dislike, and they hardly listen."""
    return crowd._replace(taste=-np.abs(crowd.taste), openness=crowd.openness - TURN)


def simulated_log(
    policy: Policy,
    *,
    seed: int | Sequence[int],
    count: int,
    population: int = 20,
    candidates: int = CANDIDATES,
    setting: Setting = Setting(),  # noqa: B008 - it cannot be changed
    deciding: Deciding | None = None,
) -> Iterator[LoggedDecision]:
    """Yield `count` decisions of `policy` with their rewards, an hour apart; the same seed gives the same world.

    With `deciding` another policy may take its place, for a live experiment.

    Two policies under one seed meet the same moments and candidates, and each tip would get the same answer.
    """
    rng = np.random.default_rng(seed)
    crowd = people(rng, population) if setting.crowd is None else setting.crowd
    population, silence = len(crowd.openness), silence_reward(0, setting.price)
    who = crowd.rows(np.arange(count) % population)
    at = moments(rng, who)
    index = np.repeat(np.arange(count), candidates)
    offer = offers(rng, at.rows(index))
    rewards = answers(who.rows(index), at.rows(index), offer).rewards(rng).reshape(count, candidates)
    rows = offer.actions.reshape(count, candidates, len(ACTION_COLUMNS))
    values = design.scaled_context(at.vectors(), at.masked)
    for number in range(count):
        actions = np.vstack((rows[number], np.zeros(len(ACTION_COLUMNS))))
        draw_seed = int(rng.integers(1 << 62))
        person, at_us = number % population, setting.begin_us + number * setting.step_us
        decides, arm = (policy, None) if deciding is None else deciding(_name(person), at_us)
        choice = decides.choose(Context(values[number], silence), actions, draw_seed)
        taken = _Taken(number, person, at_us, draw_seed, choice, actions, setting)
        decision = replace(_decision(taken, decides, at, offer), arm=arm)
        reward = silence if decision.silent else float(rewards[number, choice.index])
        yield LoggedDecision(decision, person, reward, at_us + (0 if decision.silent else WAIT_WINDOW_S * 1_000_000))


class _Taken(NamedTuple):
    number: int
    person: int
    at_us: int
    seed: int
    choice: Choice
    actions: Floats
    setting: Setting


def _decision(taken: _Taken, policy: Policy, at: Moments, offer: Offers) -> Decision:
    number, person, at_us, seed, choice, actions, setting = taken
    vector = at.rows(np.array([number])).vectors()[0]
    first = number * (len(actions) - 1)
    references = tuple(_reference(offer, first + place) for place in range(len(actions) - 1))
    return Decision(
        id=DecisionId(f"simulated-{setting.begin_us}-{number:09d}"),
        person=_name(person),
        at_us=at_us,
        zone="UTC",
        trigger=Trigger.OPEN,
        origin=Origin.SIMULATED,
        policy=policy.name,
        policy_digest=policy.digest,
        posterior_version=0,
        event_sequence=0,
        seed=seed,
        feature_service_version=FEATURE_SERVICE_VERSION,
        consent_mask=0,
        stale_mask=0,
        spent=0,
        silence_price=setting.price,
        build="simulation",
        chosen=choice.index,
        reason="simulated",
        fallback=None,
        expires_us=at_us,
        ineligible={},
        candidates=(*references, CandidateRef(SILENCE, "silence", ClusterId("silence"), None, None, 0, None)),
        served=ServedRow(),
        vector=vector,
        masked=at.masked[number],
        ages_s=np.full(vector.size, -1, np.int64),
        actions=actions,
        mu=choice.mu,
        sigma=choice.sigma,
        probabilities=choice.probabilities,
    )


def _name(person: int) -> PersonId:
    return PersonId(f"simulated-{person}")


def _reference(offer: Offers, row: int) -> CandidateRef:
    topic = TOPICS[offer.topic[row]]
    effort = int(offer.effort_min[row])
    name = f"simulated.{topic.value}"
    return CandidateRef(CandidateId(f"{name}.{row}"), name, ClusterId(name), TipKind.TODO, topic, effort, None)
