"""Flow `snapshot_history`: writes the days of the event log that have grown as Parquet."""

from prefect import flow, task

from flows.context import opened
from flows.running import RETRIES, publish_run_summary
from flows.upkeep.snapshots import Taken, take

TIMEOUT_S = 1_800


@task(name="take_snapshots", timeout_seconds=TIMEOUT_S, **RETRIES)
def take_snapshots() -> Taken:
    """Do it on the home of this process."""
    with opened() as context:
        return take(context)


@flow(name="snapshot_history", timeout_seconds=TIMEOUT_S, persist_result=False)
def snapshot_history() -> None:
    """Take snapshots."""
    publish_run_summary("snapshot_history", take_snapshots()._asdict())
