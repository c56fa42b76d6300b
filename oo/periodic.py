"""Something that is done every so often in a thread of its own."""

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Periodic:
    """Calls something every so often in a thread; a call that fails is logged, and the next one comes all the same."""

    def __init__(self, name: str, every_s: float, call: Callable[[], object]) -> None:
        self._every_s = every_s
        self._call = call
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> None:
        """Begin."""
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        """Wait for the call that is under way, and end."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self._call()
            except Exception:  # the edge of a thread
                logger.exception("%s failed", self._thread.name)
