"""Flow `retrain_policy`: trains one challenger per window from all decisions before its end."""

from datetime import datetime, timedelta

from prefect import flow, task

from flows.context import opened
from flows.learning.training import Retrained, open_registry, retrain
from flows.running import RETRIES, publish_run_summary, scheduled_at
from flows.schedule.windows import window_end

TIMEOUT_S = 1_200
DAY_S = 86_400


@task(name="train_and_register", timeout_seconds=TIMEOUT_S, **RETRIES)
def train_and_register(until: datetime) -> Retrained:
    """Do it on the home of this process."""
    with opened() as context:
        return retrain(context, open_registry(context), until)


@flow(name="retrain_policy", timeout_seconds=TIMEOUT_S, persist_result=False)
def retrain_policy(window_s: int = DAY_S) -> None:
    """Train on whole windows of `window_s` seconds; the same window gives the same version."""
    with opened() as context:
        now = context.clock()
    until = window_end(min(scheduled_at(now), now), timedelta(seconds=window_s))
    publish_run_summary("retrain_policy", {"until": until.isoformat(), **train_and_register(until)._asdict()})
