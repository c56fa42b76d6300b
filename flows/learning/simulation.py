"""Runs a simulation on a scenario; MLflow keeps parameters, metrics, numbers and plots."""

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import Malformed
from data_contracts.identifiers import to_us
from infra.clock import Clock, system_clock
from infra.settings import Settings
from models.registry.policy_registry import Runs
from models.report import simulation as report
from models.simulation.rules import RULES
from models.simulation.scenario import Scenario, scenario_from
from models.simulation.summary import PolicySummary, try_out

EXPERIMENT = "oo-simulations"
RATES = ("reward", "regret", "silence", "not_for_me", "gain")
DAILY = ("reward_by_day", "regret_by_day")


class SimulationPlan(NamedTuple):
    """What is tried: policies by name, in a scenario."""

    scenario: Scenario
    policies: tuple[str, ...]
    people: int
    days: int
    seed: int


def simulation_plan(scenario: Path, policies: Sequence[str], *, people: int, days: int, seed: int) -> SimulationPlan:
    """Return the plan; raises `Malformed` for a scenario or policies that cannot be tried."""
    names = tuple(name.strip() for name in policies)
    if not set(names) <= set(RULES) or len(set(names)) < len(names):
        raise Malformed(f"--policies are different names of {', '.join(RULES)}")
    return SimulationPlan(scenario_from(scenario), names, people, days, seed)


def live(wanted: SimulationPlan, processes: int = 1) -> list[PolicySummary]:
    """Return what each policy brought; the same in any number of processes."""
    return try_out(
        wanted.scenario,
        wanted.policies,
        people=wanted.people,
        days=wanted.days,
        seed=wanted.seed,
        processes=processes,
    )


def recorded(
    settings: Settings, wanted: SimulationPlan, found: Sequence[PolicySummary], clock: Clock = system_clock
) -> str:
    """Return the id of the MLflow run that keeps a simulation and its outcome."""
    settings.mlflow.mkdir(mode=0o700, parents=True, exist_ok=True)
    runs = Runs(f"sqlite:///{settings.mlflow / 'mlflow.db'}", artifacts=settings.mlflow / "artifacts")
    metrics = [(f"{each.policy}.{rate}", 0, getattr(each, rate).value) for each in found for rate in RATES]
    metrics += [
        (f"{each.policy}.{name}", day, value)
        for each in found
        for name in DAILY
        for day, value in enumerate(getattr(each, name))
    ]
    parameters = {
        **{f"scenario.{name}": value for name, value in dataclasses.asdict(wanted.scenario).items()},
        "policies": ",".join(wanted.policies),
        "people": wanted.people,
        "days": wanted.days,
        "seed": wanted.seed,
    }
    with tempfile.TemporaryDirectory() as folder:
        numbers = [dataclasses.asdict(each) for each in found]
        (Path(folder) / "outcome.json").write_text(json.dumps(numbers, indent=2), encoding="utf-8")
        report.save(wanted.scenario.name, found, Path(folder) / "report.html")
        report.save(wanted.scenario.name, found, Path(folder) / "days.svg")
        at_ms = to_us(clock()) // 1_000
        return runs.record(EXPERIMENT, parameters=parameters, metrics=metrics, files=Path(folder), at_ms=at_ms)
