"""Flow `simulate_policies`: runs policies in one scenario, with an MLflow run and a run summary."""

from pathlib import Path
from typing import NamedTuple

from prefect import flow, task

from flows.learning.simulation import SimulationPlan, live, recorded, simulation_plan
from flows.running import RETRIES, publish_run_summary
from infra.settings import Settings
from models.simulation.summary import PolicySummary

TIMEOUT_S = 3_600


class Simulated(NamedTuple):
    """The outcome, and the MLflow run that keeps it."""

    found: list[PolicySummary]
    run: str


@task(name="live_and_record", timeout_seconds=TIMEOUT_S, **RETRIES)
def live_and_record(wanted: SimulationPlan, processes: int) -> Simulated:
    """Do it on the home of this process."""
    found = live(wanted, processes)
    return Simulated(found, recorded(Settings(), wanted, found))


@flow(name="simulate_policies", timeout_seconds=TIMEOUT_S, persist_result=False)
def simulate_policies(
    scenario: Path, policies: list[str], *, people: int = 100, days: int = 30, seed: int = 1, processes: int = 1
) -> Simulated:
    """Let policies live; the same parameters give the same numbers."""
    made = live_and_record(simulation_plan(scenario, policies, people=people, days=days, seed=seed), processes)
    counts: dict[str, int | str] = {
        "origin": "simulated",
        "scenario": scenario.stem,
        "people": people,
        "days": days,
        "seed": seed,
    }
    told = {
        f"{each.policy} {name}": f"{rate.value:.4f} [{rate.low:.4f}, {rate.high:.4f}]"
        for each in made.found
        for name, rate in (
            ("reward", each.reward),
            ("regret", each.regret),
            ("silence", each.silence),
            ("not for me", each.not_for_me),
        )
    }
    publish_run_summary("simulate_policies", {**counts, "mlflow run": made.run, **told})
    return made
