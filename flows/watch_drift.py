"""Flow `watch_drift`: trains a challenger when rewards or contexts have moved since the newest training."""

from prefect import flow, task

from flows.context import opened
from flows.learning.drift import retrain_on_drift
from flows.learning.training import open_registry
from flows.running import RETRIES, publish_run_summary

TIMEOUT_S = 1_200


@task(name="retrain_when_moved", timeout_seconds=TIMEOUT_S, **RETRIES)
def retrain_when_moved() -> dict[str, str | float]:
    """Do it on the home of this process; return what moved."""
    with opened() as context:
        found = retrain_on_drift(context, open_registry(context))
    return {"moved": found.column or "nothing", "before": found.before, "after": found.after}


@flow(name="watch_drift", timeout_seconds=TIMEOUT_S, persist_result=False)
def watch_drift() -> None:
    """Look, and train when something moved."""
    publish_run_summary("watch_drift", retrain_when_moved())
