"""Flow `expire_data`: deletes what the retention table no longer keeps, and anchors the audit log."""

from prefect import flow, task

from flows.context import opened
from flows.running import RETRIES, publish_run_summary
from flows.upkeep.expiry import anchor_audit, expire

TIMEOUT_S = 600


@task(name="delete_expired", timeout_seconds=TIMEOUT_S, **RETRIES)
def delete_expired() -> dict[str, int]:
    """Do it on the home of this process."""
    with opened() as context:
        return expire(context)


@task(name="anchor_audit_log", timeout_seconds=TIMEOUT_S, **RETRIES)
def anchor_audit_log() -> dict[str, int]:
    """Note the newest entry of the audit log outside the database; an entry that was changed fails the run."""
    with opened() as context:
        report = anchor_audit(context)
    return {"audit_entries": report.entries, "audit_anchored": report.anchored}


@flow(name="expire_data", timeout_seconds=TIMEOUT_S, persist_result=False)
def expire_data() -> None:
    """Delete what has expired, then anchor what is left of the audit log."""
    deleted = delete_expired()
    publish_run_summary("expire_data", deleted | anchor_audit_log())
