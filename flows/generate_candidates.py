"""Flow `generate_candidates`: everybody's pool of the next hour, made ahead of time."""

from prefect import flow, task

from flows.candidate_building import Generated
from flows.candidate_building import generate_candidates as generate
from flows.parts import opened
from flows.running import RETRIES, leave

TIMEOUT_S = 300


@task(name="make_pools", timeout_seconds=TIMEOUT_S, **RETRIES)
def make_pools() -> Generated:
    """Do it on the home of this process."""
    with opened() as parts:
        return generate(parts)


@flow(name="generate_candidates", timeout_seconds=TIMEOUT_S, persist_result=False)
def generate_candidates() -> None:
    """Make the pools."""
    leave("generate_candidates", make_pools()._asdict())
