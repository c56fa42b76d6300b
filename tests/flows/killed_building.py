"""`python -m tests.flows.killed_building HOME INSTANT STEP`: features built until the process is killed.

The kernel's out-of-memory killer gives no warning and runs no handler, so the process sends itself SIGKILL, with half
of the step's rows written.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from feature_repo.history.served_rows import History
from feature_repo.online.sqlite_file import OnlineFile
from flows.context import opened
from flows.upkeep.feature_refresh import build_features, materialize
from infra.clock import fixed_clock
from infra.settings import Settings

STEPS: dict[str, tuple[type, str, int]] = {  # what is called, and in which of its calls the process dies
    "writing history": (History, "append", 2),
    "materialising": (OnlineFile, "write_rows", 1),
}


def dying(step: str) -> None:
    """Let one call of the step do half of its work and never return."""
    owner, name, dies_in = STEPS[step]
    whole: Callable[[Any, Iterable[Any]], None] = getattr(owner, name)
    calls = 0

    def half(self: Any, rows: Iterable[Any]) -> None:
        nonlocal calls
        calls += 1
        waiting = list(rows)
        if calls == dies_in:
            whole(self, waiting[: len(waiting) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        whole(self, waiting)

    setattr(owner, name, half)


def main(home: Path, instant: datetime, step: str) -> None:
    """Build until killed."""
    with opened(Settings(home=home), fixed_clock(instant)) as context:
        dying(step)
        (materialize if step == "materialising" else build_features)(context)


if __name__ == "__main__":
    main(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), sys.argv[3])
