"""Flow `generate_candidates`: makes every person's pool of the next hour."""

from prefect import flow, task

from flows.context import opened
from flows.running import RETRIES, publish_run_summary
from flows.upkeep.candidate_pools import Generated
from flows.upkeep.candidate_pools import generate_candidates as generate

TIMEOUT_S = 300


@task(name="make_pools", timeout_seconds=TIMEOUT_S, **RETRIES)
def make_pools() -> Generated:
    """Do it on the home of this process."""
    with opened() as context:
        return generate(context)


@flow(name="generate_candidates", timeout_seconds=TIMEOUT_S, persist_result=False)
def generate_candidates() -> None:
    """Make the pools."""
    publish_run_summary("generate_candidates", make_pools()._asdict())
