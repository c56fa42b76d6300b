"""Flow `audit_learning`: writes the learning report: personalisation, the control, and statistical power."""

from prefect import flow, task

from flows.context import opened
from flows.learning.learning_report import audit_learning as audit
from flows.running import RETRIES, publish_run_summary

TIMEOUT_S = 900


@task(name="audit_home", timeout_seconds=TIMEOUT_S, **RETRIES)
def audit_home() -> dict[str, str]:
    """Do it on the home of this process; return the verdicts."""
    with opened() as context:
        found = audit(context)
    return {name: found[name]["verdict"] for name in ("personalisation", "control", "holdout", "power")}


@flow(name="audit_learning", timeout_seconds=TIMEOUT_S, persist_result=False)
def audit_learning() -> None:
    """Make and keep one report."""
    publish_run_summary("audit_learning", audit_home())
