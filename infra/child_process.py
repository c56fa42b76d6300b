"""Runs a command that ends with its parent, however that dies: `python -m infra.child_process <parent> COMMAND`.

Linux sends the command SIGTERM when the parent's thread that started it has ended, also by kill -9 (prctl(2),
PR_SET_PDEATHSIG); the setting outlives exec, so the command need not know of it. Elsewhere the command just runs.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

__all__ = ["bound_to_parent"]

PR_SET_PDEATHSIG = 1


def bound_to_parent(command: Sequence[str]) -> list[str]:
    """Return what runs `command` as a child of this process that does not outlive it."""
    return [sys.executable, "-m", "infra.child_process", str(os.getpid()), *command]


def _become(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before it could be watched
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - our own command, no shell


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
