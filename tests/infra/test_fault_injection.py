"""A process can be told where to die."""

import os
import subprocess
import sys

import pytest

from infra.fault_injection import POINTS
from tests.source_tree import CHECKOUT

SCRIPT = (
    "from infra.fault_injection import crash_point\n"
    "for n in range(3):\n    print(n, flush=True)\n    crash_point('after_commit')\n"
)


def run(armed: str) -> tuple[int, str]:
    """Return the exit code of a process that reaches one point three times, and what it said."""
    environment = {**os.environ, "OO_CRASH_AT": armed}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=CHECKOUT, env=environment, check=False, capture_output=True, text=True
    )
    return done.returncode, done.stdout


def test_a_process_dies_at_the_named_time_and_nowhere_else() -> None:
    """Without a name, at another point, or before its time, nothing happens."""
    assert run("after_commit:2") == (137, "0\n1\n")
    assert run("after_commit:4") == (0, "0\n1\n2\n")
    assert run(f"{POINTS[0]}:1") == (0, "0\n1\n2\n")
    assert run("") == (0, "0\n1\n2\n")


@pytest.mark.parametrize("wrong", ["nowhere:1", "after_commit", "after_commit:0", "after_commit:x"])
def test_a_wrong_name_is_an_error(wrong: str) -> None:
    """A fault test that would test nothing says so."""
    code, _ = run(wrong)
    assert code not in (0, 137)
