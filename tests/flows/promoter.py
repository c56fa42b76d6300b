"""A process that makes processes: each command is done by real ones, forked from here so that imports are paid once.

Reads a JSON line `{"home", "url", "armed", "actions"}`, does every action in a process of its own, all at the same
time, and answers with a JSON line `[[exit code, what it said], ...]`. Nothing is opened before the fork.
"""

import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import mlflow
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - as above

from data_contracts.errors import OOError
from data_contracts.identifiers import PolicyDigest
from flows.context import OpenedContext, opened
from flows.learning import champion_swap, promotion, rollback, sandbox, training
from infra.database.audit import audit_log
from infra.database.policies import policies
from infra.fault_injection import KILLED
from infra.settings import Settings
from models.registry.policy_registry import PolicyRegistry

FORK = multiprocessing.get_context("fork")


class Meeting(PolicyRegistry):
    """A registry at which racers wait for each other, after they have read the slot and before they change it."""

    barrier: Any = None

    def fetch(self, wanted: str) -> Path:
        """Wait for the others, then fetch."""
        folder = super().fetch(wanted)
        self.barrier.wait(60)
        return folder


def race(context: OpenedContext, registry: PolicyRegistry, digest: PolicyDigest | None, barrier: Any) -> Any:
    """Promote at the very moment at which the others do."""
    registry.__class__, Meeting.barrier = Meeting, barrier
    return promotion.promote(context, registry, digest, actor="racer", override="a race")._asdict()


def act(context: OpenedContext, name: str, digest: PolicyDigest | None, barrier: Any) -> Any:
    """Do one thing and return what to say about it."""
    registry = training.open_registry(context)
    tomorrow = context.clock() + timedelta(days=1)
    actions: dict[str, Callable[[], Any]] = {
        "begin": lambda: sandbox.begin(context, registry, sandbox.Sandbox(people=2, seed=1)),
        "live": lambda: sandbox.live(context, days=1)._asdict(),
        "train": lambda: training.retrain(context, registry, tomorrow)._asdict(),
        "promote": lambda: promotion.promote(context, registry, digest, actor="test", override="a test")._asdict(),
        "race": lambda: race(context, registry, digest, barrier),
        "rollback": lambda: rollback.rollback(context, registry, actor="test", reason="a test")._asdict(),
        "reconcile": lambda: champion_swap.reconcile(context, registry)._asdict(),
        "report": lambda: report(context, registry),
    }
    return actions[name]()


def report(context: OpenedContext, registry: PolicyRegistry) -> dict[str, Any]:
    """Return everything that must agree."""
    with context.database.read() as session:
        champion = policies.champion(session)
        changes = [line.action for line in audit_log.newest(session) if line.action.startswith("champion_change")]
        stages = {row.digest: row.stage for row in policies.list_all(session)}
    versions = registry.versions()
    return {
        "champion": champion.digest,
        "revision": champion.revision,
        "changes": sorted(changes),
        "stages": stages,
        "versions": [version.digest for version in versions],
        "aliases": {alias: version.digest for version in versions for alias in version.aliases},
        "held": sorted(folder.name for folder in context.settings.policies.iterdir()),
    }


def child(command: dict[str, Any], action: list[str], said: Path, barrier: Any) -> None:
    """Do an action; a refusal is said and ends with 1."""
    os.environ["OO_CRASH_AT"] = command["armed"]
    with opened(Settings(home=Path(command["home"]), database_url=command["url"])) as context:
        context.database.migrate()
        name, digest = action[0], PolicyDigest(action[1]) if len(action) > 1 else None
        try:
            said.write_text(json.dumps(act(context, name, digest, barrier)))
        except OOError as error:
            said.write_text(json.dumps(f"{type(error).__name__}: {error}"))
            sys.exit(1)


def main() -> None:
    """Do commands until there are no more."""
    for line in sys.stdin:
        command = json.loads(line)
        barrier = FORK.Barrier(len(command["actions"]))
        with tempfile.TemporaryDirectory() as folder:
            papers = [Path(folder) / str(number) for number in range(len(command["actions"]))]
            processes = [
                FORK.Process(target=child, args=(command, action, said, barrier))
                for action, said in zip(command["actions"], papers, strict=True)
            ]
            for process in processes:
                process.start()
            for process in processes:
                process.join()
            codes = [process.exitcode for process in processes]
            assert all(code in (0, 1, KILLED) for code in codes), codes
            told = [json.loads(said.read_text()) if said.exists() else None for said in papers]
        sys.stdout.write(json.dumps(list(zip(codes, told, strict=True))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
