"""A background thread that repeats a step; an error of a step is reported and does not end the loop."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Self

from data_contracts.errors import OOError, Unavailable

__all__ = ["END", "BackgroundLoop"]

END: Final = object()  # what a step returns to end its loop
RETRY_S = (0.5, 1.0, 2.0, 5.0)
PATIENCE_S = 120.0
LOG_EVERY_S = 60.0
logger = logging.getLogger(__name__)


class BackgroundLoop:
    """Runs a step every so often in a thread of its own.

    A step that raises is run again, each time after a longer wait; the last of `retry_s` repeats. `failed` is called
    with the error before that wait. With `every_s` of 0 the step does the waiting: `stop` then only cuts a retry's wait
    short, and the loop ends when the step returns `END`.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], object],
        *,
        every_s: float,
        at_once: bool = False,
        failed: Callable[[BaseException], None] | None = None,
        retry_s: Sequence[float] = RETRY_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.name = name
        self.failures = 0
        self.failure: BaseException | None = None
        self._step = step
        self._every_s = every_s
        self._first_s = 0.0 if at_once else every_s
        self._failed = failed
        self._retry_s = tuple(retry_s)
        self._patience_s = patience_s
        self._in_a_row = 0
        self._failing_since = 0.0
        self._logged: tuple[type[BaseException] | None, float] = (None, 0.0)
        self._progressed = time.monotonic()
        self._running = False
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._progressed = time.monotonic()
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> bool:
        """Wait for the step that is under way; return whether the thread has ended."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        return not self.alive

    def __enter__(self) -> Self:
        """Begin."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the step that is under way, and end."""
        self.stop()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called: a long step then returns."""
        return self._stopping.is_set()

    def wake(self) -> None:
        """Run the next step now; the wait after a failure is not cut short."""
        self._wake.set()

    def progress(self) -> None:
        """Say that a step which does not return is working; called by the step."""
        self._progressed = time.monotonic()
        if self.failure is not None:
            self._recovered()

    def ping(self) -> str:
        """Say how long ago a step succeeded.

        Raises `Unavailable` while steps fail, when one does not return within the patience, and when the thread has
        ended without being told to.
        """
        now, failure = time.monotonic(), self.failure
        if failure is not None:
            since = f"failing for {now - self._failing_since:.0f} s, {self._in_a_row} times"
            raise Unavailable(f"{since}: {_words(failure)}") from failure
        if self._thread.ident is not None and not self.alive and not self.stopping:
            raise Unavailable("the thread has ended")
        age_s = now - self._progressed
        if self._running and age_s > self._patience_s:
            raise Unavailable(f"a step has been running for {age_s:.0f} s")
        return f"worked {age_s:.0f} s ago"

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._rest(wait_s):
            if not self._in_a_row:
                self._progressed = time.monotonic()
            self._running = True
            try:
                ended = self._step() is END
            except BaseException as error:  # noqa: BLE001 - the edge of a thread: no error may end it
                self._running = False
                wait_s = self._note(error)
                continue
            self._running = False
            self.progress()
            if ended:
                return
            wait_s = self._every_s

    def _rest(self, wait_s: float) -> bool:
        """Wait, and return whether the loop ends here."""
        if self.failure is not None:
            return self._stopping.wait(wait_s)
        if wait_s > 0:
            self._wake.wait(wait_s)
            self._wake.clear()
            return self._stopping.is_set()
        return False

    def _note(self, error: BaseException) -> float:
        """Record a failure and return how long to wait after it."""
        now = time.monotonic()
        if self.failure is None:
            self._failing_since = now
        self.failure = error
        self.failures += 1
        self._in_a_row += 1
        kind, logged_at = self._logged
        if kind is not type(error) or now - logged_at >= LOG_EVERY_S:
            self._logged = (type(error), now)
            times = f"{self._in_a_row} times"
            if isinstance(error, OOError):
                logger.warning("%s fails, %s: %s; it is tried again", self.name, times, error)
            else:
                logger.critical("%s fails, %s; it is tried again", self.name, times, exc_info=error)
        if self._failed is not None:
            try:
                self._failed(error)
            except Exception:
                logger.exception("%s: what follows a failure failed", self.name)
        error.__traceback__ = None  # its frames hold what the step had in its hands
        return self._retry_s[min(self._in_a_row, len(self._retry_s)) - 1]

    def _recovered(self) -> None:
        logger.warning("%s works again after %d failures", self.name, self._in_a_row)
        self.failure = None
        self._in_a_row = 0


def _words(error: BaseException) -> str:
    """Return what may be said of an error outside of the log: the words of others may be personal."""
    return str(error) if isinstance(error, OOError) else type(error).__name__
