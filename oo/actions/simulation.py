"""Runs a simulation: as a flow where a Prefect server is configured, as a plain run otherwise."""

import os
from pathlib import Path

from flows.learning.simulation import SimulationPlan, live, recorded
from infra.settings import Settings
from models.report import simulation
from models.report.page import checked_target
from models.simulation.summary import PolicySummary


def lived(
    scenario: Path, wanted: SimulationPlan, *, processes: int, record: bool, report: Path | None
) -> tuple[list[PolicySummary], str | None]:
    """Return what came out and the MLflow run that keeps it, and write the report; raises `Malformed`."""
    if report is not None:
        checked_target(report)
    found, run = _recorded(scenario, wanted, processes) if record else (live(wanted, processes), None)
    if report is not None:
        simulation.save(wanted.scenario.name, found, report)
    return found, run


def _recorded(scenario: Path, wanted: SimulationPlan, processes: int) -> tuple[list[PolicySummary], str]:
    if os.environ.get("PREFECT_API_URL"):
        from flows.runs import simulate_policies  # noqa: PLC0415 - prefect takes two seconds

        _, policies, people, days, seed = wanted
        return simulate_policies(
            scenario.absolute(), list(policies), people=people, days=days, seed=seed, processes=processes
        )
    found = live(wanted, processes)
    return found, recorded(Settings(), wanted, found)
