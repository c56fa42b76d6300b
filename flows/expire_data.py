"""Flow `expire_data`: deletes what the retention table keeps no longer."""

from prefect import flow, task

from flows.expiring import expire
from flows.parts import opened
from flows.running import RETRIES, leave

TIMEOUT_S = 600


@task(name="delete_expired", timeout_seconds=TIMEOUT_S, **RETRIES)
def delete_expired() -> dict[str, int]:
    """Do it on the home of this process."""
    with opened() as parts:
        return expire(parts)


@flow(name="expire_data", timeout_seconds=TIMEOUT_S, persist_result=False)
def expire_data() -> None:
    """Delete what has expired."""
    leave("expire_data", delete_expired())
