"""Flow `promote_policy`: checks champion and experiment, then considers the newest challenger."""

from prefect import flow, task

from flows.context import opened
from flows.learning.experiments import look
from flows.learning.promotion import Considered, consider
from flows.learning.rollback import judge_champion
from flows.learning.training import open_registry
from flows.running import RETRIES, publish_run_summary

TIMEOUT_S = 900


@task(name="consider_challengers", timeout_seconds=TIMEOUT_S, **RETRIES)
def consider_challengers() -> Considered:
    """Do it on the home of this process."""
    with opened() as context:
        return consider(context, open_registry(context))


@task(name="judge_champion", timeout_seconds=TIMEOUT_S, **RETRIES)
def judge() -> int:
    """Demote the champion when its live rewards ask for it; return how many were demoted."""
    with opened() as context:
        return int(judge_champion(context, open_registry(context), actor="flow:promote_policy").demoted is not None)


@task(name="watch_experiment", timeout_seconds=TIMEOUT_S, **RETRIES)
def watch() -> str:
    """End the experiment when its date has come or its challenger is shown to be worse; return its verdict."""
    with opened() as context:
        told = look(context, actor="flow:promote_policy")
    return "" if told is None else str(told["verdict"])


@flow(name="promote_policy", timeout_seconds=TIMEOUT_S, persist_result=False)
def promote_policy() -> None:
    """Gather evidence and ask for the verdict."""
    demoted, experiment = judge(), watch()
    publish_run_summary(
        "promote_policy", {**consider_challengers()._asdict(), "demoted": demoted, "experiment": experiment}
    )
