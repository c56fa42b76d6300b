"""Flow `promote_policy`: challengers see new decisions, and the newest is promoted when the evidence allows."""

from prefect import flow, task

from flows.parts import opened
from flows.promoting import Considered, consider
from flows.retraining import open_registry
from flows.running import RETRIES, leave

TIMEOUT_S = 900


@task(name="consider_challengers", timeout_seconds=TIMEOUT_S, **RETRIES)
def consider_challengers() -> Considered:
    """Do it on the home of this process."""
    with opened() as parts:
        return consider(parts, open_registry(parts))


@flow(name="promote_policy", timeout_seconds=TIMEOUT_S, persist_result=False)
def promote_policy() -> None:
    """Gather evidence and ask for the verdict."""
    leave("promote_policy", consider_challengers()._asdict())
