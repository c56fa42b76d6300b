"""The flows: each does one job on the home of its process and publishes a run summary of counts.

A run is a process of its own, so each task imports what it needs when it runs, and importing this module loads no
vendor of a single flow. A failed task is retried; no parameter or result holds personal data.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from prefect import flow, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.tasks import exponential_backoff

from flows.context import opened
from flows.schedule.deployments import DAY, EPOCH, window_end

if TYPE_CHECKING:
    from flows.learning.simulation import SimulationPlan
    from models.simulation.summary import PolicySummary

Counts = Mapping[str, int | float | str]

RETRIES: dict[str, Any] = {
    "retries": 2,
    "retry_delay_seconds": exponential_backoff(backoff_factor=5),
    "retry_jitter_factor": 0.5,
    "persist_result": False,
}
INGEST_S = 900
BUILD_S = 600
GENERATE_S = 300
RETRAIN_S = 1_200
DRIFT_S = 1_200
PROMOTE_S = 900
SNAPSHOT_S = 1_800
AUDIT_S = 900
EXPIRE_S = 600
SIMULATE_S = 3_600
DAY_S = int(DAY.total_seconds())
PROMOTER = "flow:promote_policy"


class Simulated(NamedTuple):
    """The outcome of a simulation, and the MLflow run that keeps it."""

    found: "list[PolicySummary]"
    run: str


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


@task(name="read_known_files", timeout_seconds=INGEST_S, **RETRIES)
def read_known_files() -> Counts:
    """Import each known file that may have changed."""
    from flows.ingest.importing import ingest_known_files

    with opened() as context:
        return ingest_known_files(context)._asdict()


@flow(name="ingest_files", timeout_seconds=INGEST_S, persist_result=False)
def ingest_files() -> None:
    """Read everybody's known files again; what changed in them becomes events."""
    publish_run_summary("ingest_files", read_known_files())


@task(name="fold_and_append", timeout_seconds=BUILD_S, **RETRIES)
def fold_and_append() -> Counts:
    """Fold what is unread, refresh every view, and append the history that is missing."""
    from flows.upkeep.feature_refresh import build_features as build

    with opened() as context:
        return build(context)._asdict()


@task(name="materialize", timeout_seconds=BUILD_S, **RETRIES)
def materialize() -> None:
    """Bring the newest window of history online."""
    from flows.upkeep.feature_refresh import materialize as bring_online

    with opened() as context:
        bring_online(context)


@flow(name="build_features", timeout_seconds=BUILD_S, persist_result=False)
def build_features() -> None:
    """Catch the stream up, refresh views, append history and materialise Feast."""
    built = fold_and_append()
    materialize()
    publish_run_summary("build_features", built)


@task(name="make_pools", timeout_seconds=GENERATE_S, **RETRIES)
def make_pools() -> Counts:
    """Make and keep the pool of each person."""
    from flows.upkeep.candidate_pools import generate_candidates as generate

    with opened() as context:
        return generate(context)._asdict()


@flow(name="generate_candidates", timeout_seconds=GENERATE_S, persist_result=False)
def generate_candidates() -> None:
    """Make every person's pool of the next hour."""
    publish_run_summary("generate_candidates", make_pools())


@task(name="train_and_register", timeout_seconds=RETRAIN_S, **RETRIES)
def train_and_register(until: datetime) -> Counts:
    """Train on what was decided before `until`, and register the challenger."""
    from flows.learning.training import open_registry, retrain

    with opened() as context:
        return retrain(context, open_registry(context), until)._asdict()


@flow(name="retrain_policy", timeout_seconds=RETRAIN_S, persist_result=False)
def retrain_policy(window_s: int = DAY_S) -> None:
    """Train one challenger on whole windows of `window_s` seconds; the same window gives the same version."""
    with opened() as context:
        now = context.clock()
    until = window_end(min(scheduled_at(now), now), timedelta(seconds=window_s))
    publish_run_summary("retrain_policy", {"until": until.isoformat(), **train_and_register(until)})


@task(name="retrain_when_moved", timeout_seconds=DRIFT_S, **RETRIES)
def retrain_when_moved() -> Counts:
    """Train a challenger when something moved; return what did."""
    from flows.learning.drift import retrain_on_drift
    from flows.learning.training import open_registry

    with opened() as context:
        found = retrain_on_drift(context, open_registry(context))
    return {"moved": found.column or "nothing", "before": found.before, "after": found.after}


@flow(name="watch_drift", timeout_seconds=DRIFT_S, persist_result=False)
def watch_drift() -> None:
    """Train a challenger when rewards or contexts have moved since the newest training."""
    publish_run_summary("watch_drift", retrain_when_moved())


@task(name="consider_challengers", timeout_seconds=PROMOTE_S, **RETRIES)
def consider_challengers() -> Counts:
    """Judge the newest challenger, and promote it when it passes."""
    from flows.learning.promotion import consider
    from flows.learning.training import open_registry

    with opened() as context:
        return consider(context, open_registry(context))._asdict()


@task(name="judge_champion", timeout_seconds=PROMOTE_S, **RETRIES)
def judge() -> int:
    """Demote the champion when its live rewards ask for it; return how many were demoted."""
    from flows.learning.rollback import judge_champion
    from flows.learning.training import open_registry

    with opened() as context:
        return int(judge_champion(context, open_registry(context), actor=PROMOTER).demoted is not None)


@task(name="watch_experiment", timeout_seconds=PROMOTE_S, **RETRIES)
def watch() -> str:
    """End the experiment when its date has come or its challenger is shown to be worse; return its verdict."""
    from flows.learning.experiments import look

    with opened() as context:
        told = look(context, actor=PROMOTER)
    return "" if told is None else str(told["verdict"])


@flow(name="promote_policy", timeout_seconds=PROMOTE_S, persist_result=False)
def promote_policy() -> None:
    """Check champion and experiment, then consider the newest challenger."""
    demoted, experiment = judge(), watch()
    publish_run_summary("promote_policy", {**consider_challengers(), "demoted": demoted, "experiment": experiment})


@task(name="take_snapshots", timeout_seconds=SNAPSHOT_S, **RETRIES)
def take_snapshots() -> Counts:
    """Write the days of the event log that have grown."""
    from flows.upkeep.snapshots import take

    with opened() as context:
        return take(context)._asdict()


@flow(name="snapshot_history", timeout_seconds=SNAPSHOT_S, persist_result=False)
def snapshot_history() -> None:
    """Write the days of the event log that have grown as Parquet."""
    publish_run_summary("snapshot_history", take_snapshots())


@task(name="audit_home", timeout_seconds=AUDIT_S, **RETRIES)
def audit_home() -> dict[str, str]:
    """Make and keep the learning report of this home; return its verdicts."""
    from flows.learning.learning_report import audit_learning as audit

    with opened() as context:
        found = audit(context)
    return {name: found[name]["verdict"] for name in ("personalisation", "control", "holdout", "power")}


@flow(name="audit_learning", timeout_seconds=AUDIT_S, persist_result=False)
def audit_learning() -> None:
    """Write the learning report: personalisation, the control, and statistical power."""
    publish_run_summary("audit_learning", audit_home())


@task(name="delete_expired", timeout_seconds=EXPIRE_S, **RETRIES)
def delete_expired() -> dict[str, int]:
    """Delete what the retention table no longer keeps."""
    from flows.upkeep.expiry import expire

    with opened() as context:
        return expire(context)


@task(name="anchor_audit_log", timeout_seconds=EXPIRE_S, **RETRIES)
def anchor_audit_log() -> dict[str, int]:
    """Note the newest entry of the audit log outside the database; an entry that was changed fails the run."""
    from flows.upkeep.expiry import anchor_audit

    with opened() as context:
        report = anchor_audit(context)
    return {"audit_entries": report.entries, "audit_anchored": report.anchored}


@flow(name="expire_data", timeout_seconds=EXPIRE_S, persist_result=False)
def expire_data() -> None:
    """Delete what has expired, then anchor the audit log."""
    deleted = delete_expired()
    publish_run_summary("expire_data", deleted | anchor_audit_log())


@task(name="live_and_record", timeout_seconds=SIMULATE_S, **RETRIES)
def live_and_record(wanted: "SimulationPlan", processes: int) -> Simulated:
    """Run the policies in the scenario, and store the outcome as an MLflow run."""
    from flows.learning.simulation import live, recorded
    from infra.settings import Settings

    found = live(wanted, processes)
    return Simulated(found, recorded(Settings(), wanted, found))


@flow(name="simulate_policies", timeout_seconds=SIMULATE_S, persist_result=False)
def simulate_policies(
    scenario: Path, policies: list[str], *, people: int = 100, days: int = 30, seed: int = 1, processes: int = 1
) -> Simulated:
    """Run policies in one scenario; the same parameters give the same numbers."""
    from flows.learning.simulation import simulation_plan

    made = live_and_record(simulation_plan(scenario, policies, people=people, days=days, seed=seed), processes)
    counts: dict[str, int | str] = {
        "origin": "simulated",
        "scenario": scenario.stem,
        "people": people,
        "days": days,
        "seed": seed,
    }
    told = {
        f"{each.policy} {name}": f"{rate.value:.4f} [{rate.low:.4f}, {rate.high:.4f}]"
        for each in made.found
        for name, rate in (
            ("reward", each.reward),
            ("regret", each.regret),
            ("silence", each.silence),
            ("not for me", each.not_for_me),
        )
    }
    publish_run_summary("simulate_policies", {**counts, "mlflow run": made.run, **told})
    return made
