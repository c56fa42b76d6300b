"""A sandbox: a home in which everybody is simulated, to try the whole way of a policy within a minute.

Its decisions say `simulated`, and here, and nowhere else, those are the evidence that the gate looks at. Its people are
no people, its policies are signed with its own key, and `oo up` does not serve it: nothing of it reaches anybody.
It has a clock of its own, which moves on by the days that were lived.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from data_contracts.decisions import Origin
from data_contracts.durations import DAY_S, DAY_US
from data_contracts.errors import Conflict, NotFound
from data_contracts.identifiers import PersonId, from_us, to_us
from data_contracts.rewards import REWARD_TABLE_VERSION, REWARDS
from flows.context import FlowContext
from flows.learning.champion_swap import introduce
from flows.learning.promotion import promote
from infra.database.decisions import decisions
from infra.database.decisions.writer import NewDecision, new_decision
from infra.database.people import people
from infra.database.policies import experiments, policies
from infra.settings import Settings
from infra.storage import files
from models.logs.decision_log import LoggedDecision
from models.policies import Uniform, artifact
from models.policies.policy import Policy
from models.promotion.experiments import CHALLENGER, live_experiment, lived_day
from models.registry.policy_registry import PolicyRegistry
from models.simulation import simulated_log
from models.simulation.people import People
from models.simulation.people import people as new_crowd
from serving.policy_cache.by_digest import PolicyCache

TIPS_A_DAY = 8
PAGE = 500
PRICE = 0.25  # what silence is worth to these people: they want to be spoken to
OUTCOMES = {reward: outcome for outcome, reward in REWARDS.items()}


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a sandbox is: how many people, drawn from which seed, how far its clock is ahead, whether it turned."""

    people: int
    seed: int
    ahead_s: int = 0
    turned: bool = False


class Lived(NamedTuple):
    """What the days brought under the champion."""

    policy: str
    days: int
    decisions: int
    reward: float
    silence_rate: float
    turned: bool


def begin(context: FlowContext, registry: PolicyRegistry, sandbox: Sandbox) -> None:
    """Make an empty home a sandbox, with the uniform control as its first champion; raises `Conflict`."""
    with context.database.read() as session:
        if people.list_all(session) or policies.list_all(session):
            raise Conflict(
                "this home holds people or policies already; make a sandbox in an empty one: OO_HOME=/tmp/sandbox oo …"
            )
    _mark(context.settings, sandbox)
    with context.database.unit_of_work() as uow:
        for number in range(sandbox.people):
            people.create(
                uow,
                person=PersonId(f"simulated-{number}"),
                name=f"simulated {number}",
                zone="UTC",
                created_us=to_us(context.clock()),
                silence_price=PRICE,
            )
        uow.commit()
    nothing = {Origin.LIVE.value: 0, Origin.SIMULATED.value: 0}
    folder = artifact.save(
        Uniform(), context.settings.policies, sign=context.seal.sign, data_digest="", origins=nothing, metrics={}
    )
    version = registry.register(folder)
    introduce(context, artifact.load(folder, verify=context.seal.holds), version, trained_until_us=0, actor="rehearsal")
    promote(context, registry, actor="rehearsal", bootstrap=True)


def known(settings: Settings) -> Sandbox | None:
    """Return what this home's sandbox is; None for a home of real people."""
    if not settings.sandbox_file.exists():
        return None
    return Sandbox(**json.loads(settings.sandbox_file.read_text()))


def live(context: FlowContext, *, days: int, turn: bool = False) -> Lived:
    """Let the simulated people live some days under the champion, and move the clock of the home on."""
    sandbox = known(context.settings)
    if sandbox is None:
        raise NotFound("this home is no sandbox")
    with context.database.read() as session:
        champion = policies.champion(session).digest
    if champion is None:
        raise NotFound("the sandbox has no champion")
    policy = PolicyCache(context.settings.policies, context.seal.holds).get(champion)
    after = replace(sandbox, ahead_s=sandbox.ahead_s + days * DAY_S, turned=sandbox.turned or turn)
    count = days * TIPS_A_DAY * sandbox.people
    setting = simulated_log.Setting(
        crowd=_crowd(after),
        begin_us=to_us(context.clock()),
        step_us=days * DAY_US // (count + 1),
        price=PRICE,
    )
    log = simulated_log.simulated_log(
        policy,
        seed=[sandbox.seed, after.ahead_s],
        count=count,
        setting=setting,
        deciding=_deciding(context, policy),
    )
    rewards, silent = _keep(context, log)
    _mark(context.settings, after)
    return Lived(policy.name, days, count, float(np.mean(rewards)), silent / count, after.turned)


def _deciding(context: FlowContext, champion: Policy) -> simulated_log.Deciding | None:
    """Return who decides for whom when, while an experiment runs."""
    with context.database.read() as session:
        trial = experiments.running(session, to_us(context.clock()))
    if trial is None:
        return None
    challenger = PolicyCache(context.settings.policies, context.seal.holds).get(trial.challenger)
    arms = live_experiment(trial.id, trial.share)

    def decides(person: PersonId, at_us: int) -> tuple[Policy, str | None]:
        if at_us >= trial.ends_us:
            return champion, None
        arm = arms.arm_of(lived_day(person, from_us(at_us).date()))
        return challenger if arm == CHALLENGER else champion, f"{trial.id}/{arm}"

    return decides


def _crowd(sandbox: Sandbox) -> People:
    crowd = new_crowd(np.random.default_rng(sandbox.seed), sandbox.people)
    return simulated_log.turned(crowd) if sandbox.turned else crowd


def _keep(context: FlowContext, log: Iterator[LoggedDecision]) -> tuple[list[float], int]:
    rewards: list[float] = []
    silent = 0
    for page in _pages(log):
        with context.database.unit_of_work() as uow:
            decisions.add_lived(uow, [_row(each) for each in page])
            uow.commit()
        rewards += [each.reward or 0.0 for each in page]
        silent += sum(each.decision.silent for each in page)
    return rewards, silent


def _pages(log: Iterator[LoggedDecision]) -> Iterator[list[LoggedDecision]]:
    while page := list(islice(log, PAGE)):
        yield page


def _row(lived: LoggedDecision) -> NewDecision:
    row = new_decision(lived.decision)
    if lived.decision.silent or lived.reward is None:
        return row
    rewarded: dict[str, Any] = {
        "outcome": OUTCOMES[lived.reward].value,
        "reward": lived.reward,
        "reward_version": REWARD_TABLE_VERSION,
        "rewarded_us": lived.rewarded_us,
    }
    return row._replace(**rewarded)


def _mark(settings: Settings, sandbox: Sandbox) -> None:
    files.make_private_folder(settings.home)
    files.replace(settings.sandbox_file, json.dumps(asdict(sandbox)).encode())
