"""Runs probes in the background, so that a request gets the last result at once, with its age."""

import logging
import time
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock
from typing import Any, NamedTuple

from data_contracts.errors import OOError
from infra.background_loop import BackgroundLoop

__all__ = ["Outcome", "Probe", "Prober"]

EVERY_S = 5.0
FAULT_EVERY_S = 1.0  # while something is wrong
LIMIT_S = 3.0  # a probe that takes longer counts as failing until it returns
STALE_S = 30.0  # an older result counts as failing
logger = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """How a probe ended last: with a value, or with a fault."""

    value: Any
    fault: str | None
    at: float  # of the monotonic clock
    took_ms: float


class Probe:
    """A call that is repeated in the background."""

    def __init__(self, name: str, call: Callable[[], Any]) -> None:
        self.name = name
        self.outcome: Outcome | None = None
        self._call = call
        self._began: float | None = None
        self._logged: type[Exception] | None = None

    @property
    def running(self) -> bool:
        """Whether the call is under way."""
        return self._began is not None

    def begin(self) -> None:
        """Note the beginning, before another thread runs it."""
        self._began = time.monotonic()

    def run(self) -> None:
        """Run the call, and keep how it ended."""
        began = self._began or time.monotonic()
        value, fault = None, None
        try:
            value = self._call()
            self._logged = None
        except OOError as error:
            fault = str(error)
        except Exception as error:
            # The outcome of a failing adapter is a report; its message may hold personal bytes, so only the log has it.
            if self._logged is not type(error):
                logger.exception("the ping of %s failed", self.name)
            self._logged = type(error)
            fault = type(error).__name__
        now = time.monotonic()
        self.outcome = Outcome(value, fault, now, (now - began) * 1_000)
        self._began = None

    @property
    def age_s(self) -> float | None:
        """How old the last outcome is, or None before the first."""
        return None if self.outcome is None else time.monotonic() - self.outcome.at

    @property
    def fault(self) -> str | None:
        """What is wrong, or None: what the last outcome says, or that there is no fresh one."""
        began, outcome, now = self._began, self.outcome, time.monotonic()
        if began is not None and now - began > LIMIT_S:
            return f"no answer for {now - began:.0f} s"
        if outcome is None:
            return "not probed yet"
        if now - outcome.at > STALE_S:
            return f"the last result is {now - outcome.at:.0f} s old"
        return outcome.fault

    @property
    def value(self) -> Any:
        """The last value, or None when there is a fault."""
        return None if self.fault is not None or self.outcome is None else self.outcome.value


class Prober:
    """Runs probes one after the other.

    A probe that takes too long is left alone on its thread, the next one is run on another, and it is not run again
    before it has returned. So there are at most two threads more than hanging probes.
    """

    def __init__(self, *, every_s: float = EVERY_S, limit_s: float = LIMIT_S) -> None:
        self._limit_s = limit_s
        self._probes: list[Probe] = []
        self._idle: list[_Runner] = []
        self._round = Lock()
        self._every_s = every_s
        self._due = 0.0
        tick_s = min(every_s, FAULT_EVERY_S)
        self._loop = BackgroundLoop("oo-prober", self._step, every_s=tick_s, at_once=True)

    def add(self, name: str, call: Callable[[], Any]) -> Probe:
        """Add a probe and return it; a running prober runs it at once."""
        probe = Probe(name, call)
        self._probes.append(probe)
        self._due = 0.0
        self._loop.wake()
        return probe

    def start(self) -> None:
        """Begin to probe."""
        self._loop.start()

    def close(self) -> None:
        """End; a probe that hangs is not waited for."""
        self._loop.stop(self._limit_s)

    def probe(self, limit_s: float | None = None) -> None:
        """Run every probe once that is not under way, and wait for each, at most for the limit."""
        with self._round:
            for probe in tuple(self._probes):
                if not probe.running:
                    runner = self._idle.pop() if self._idle else _Runner(self._idle)
                    probe.begin()
                    runner.run(probe).wait(limit_s)

    def _step(self) -> None:
        if time.monotonic() < self._due and all(probe.fault is None for probe in self._probes):
            return
        self._due = time.monotonic() + self._every_s
        self.probe(self._limit_s)


class _Runner:
    """A thread that runs one probe at a time, and is idle again after it."""

    def __init__(self, idle: "list[_Runner]") -> None:
        self._idle = idle
        self._queue: SimpleQueue[tuple[Probe, Event]] = SimpleQueue()
        BackgroundLoop("oo-probe", self._step, every_s=0.0).start()

    def run(self, probe: Probe) -> Event:
        """Hand over a probe; the event is set when it has returned."""
        done = Event()
        self._queue.put((probe, done))
        return done

    def _step(self) -> None:
        probe, done = self._queue.get()
        try:
            probe.run()
        finally:
            self._idle.append(self)
            done.set()
