"""Shared by all flows: retries, time limits, and the run summary, which holds counts only."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prefect import runtime
from prefect.artifacts import create_markdown_artifact
from prefect.tasks import exponential_backoff

from flows.schedule.windows import EPOCH

RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
    "persist_result": False,
}

Counts = Mapping[str, int | float | str]


def publish_run_summary(name: str, counts: Counts) -> None:
    """Publish the Markdown artifact of a run. Callers pass counts, rules and digests only, never personal data."""
    rows = "\n".join(f"| {key.replace('_', ' ')} | {value} |" for key, value in counts.items())
    create_markdown_artifact(
        key=name.replace("_", "-"), markdown=f"# {name}\n\n| what | how much |\n| --- | --- |\n{rows}\n"
    )


def scheduled_at(now: datetime) -> datetime:
    """Return when this run was due, or `now` for a run without a schedule."""
    due = runtime.flow_run.scheduled_start_time
    # Prefect's instants are pendulum's, which cannot be divided by a plain timedelta
    return datetime.fromtimestamp(due.timestamp(), UTC) if isinstance(due, datetime) and due > EPOCH else now
