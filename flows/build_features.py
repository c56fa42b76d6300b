"""Flow `build_features`: catches the stream up, refreshes views, appends history and materialises Feast."""

from prefect import flow, task

from flows.context import opened
from flows.running import RETRIES, publish_run_summary
from flows.upkeep.feature_refresh import Built
from flows.upkeep.feature_refresh import build_features as build
from flows.upkeep.feature_refresh import materialize as bring_online

TIMEOUT_S = 600


@task(name="fold_and_append", timeout_seconds=TIMEOUT_S, **RETRIES)
def fold_and_append() -> Built:
    """Do it on the home of this process."""
    with opened() as context:
        return build(context)


@task(name="materialize", timeout_seconds=TIMEOUT_S, **RETRIES)
def materialize() -> None:
    """Bring the newest window of history online."""
    with opened() as context:
        bring_online(context)


@flow(name="build_features", timeout_seconds=TIMEOUT_S, persist_result=False)
def build_features() -> None:
    """Bring every feature up to date."""
    built = fold_and_append()
    materialize()
    publish_run_summary("build_features", built._asdict())
