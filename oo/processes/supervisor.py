"""Supervises the processes of `oo up`: starts them, restarts what dies, and ends them all together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from infra.child_process import bound_to_parent
from oo.ui.output import note

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0  # a process that lived this long starts over with the shortest wait
GRACE_S = 15.0
TICK_S = 0.2


@dataclass
class Child:
    """One process: its name, its `oo` arguments, and how its restarts are going."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    wait_s: float = FIRST_WAIT_S
    due_s: float = 0.0
    restarts: int = 0

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches it through us only, and our end is its end."""
        command = bound_to_parent([sys.executable, "-m", "oo", *self.arguments])
        environment = {**os.environ, **self.environment}
        self.process = subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own command
        self.started_s = time.monotonic()

    def look(self) -> None:
        """Restart the process when it has ended, each time after a longer wait."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due_s:
                self.restarts += 1
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        if now - self.started_s > STEADY_S:
            self.wait_s = FIRST_WAIT_S
        note(f"{self.name} ended with exit code {code}; it starts again in {self.wait_s:.1f} s")
        self.process, self.due_s = None, now + self.wait_s
        self.wait_s = min(self.wait_s * 2, LONGEST_WAIT_S)

    def stop(self) -> None:
        """Ask the process to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def join(self, deadline_s: float) -> None:
        """Wait for the end, and force it at the deadline."""
        if self.process is None:
            return
        try:
            self.process.wait(max(deadline_s - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Supervisor:
    """Runs its children until it is told to stop."""

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = tuple(children)
        self._ending = False

    @property
    def ending(self) -> bool:
        """Whether a signal came."""
        return self._ending

    def start(self) -> None:
        """Start every child, and listen to SIGINT and SIGTERM from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._end)
        for child in self.children:
            child.start()

    def run(self) -> None:
        """Supervise until a signal comes, then end every child."""
        while not self._ending:
            for child in self.children:
                child.look()
            time.sleep(TICK_S)
        self.stop()

    def stop(self) -> None:
        """End every child, those that take too long by force."""
        for child in self.children:
            child.stop()
        deadline = time.monotonic() + GRACE_S
        for child in self.children:
            child.join(deadline)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True
