"""The in-process bus: the unit of work publishes events on it after their commit."""

import logging
from collections.abc import Callable, Sequence

from data_contracts.events.codec import Event

__all__ = ["Bus", "Handler"]

Handler = Callable[[Sequence[Event]], None]
logger = logging.getLogger(__name__)


class Bus:
    """Delivers committed events to subscribers, in order of subscription, on the publishing thread.

    The database is the truth: what a subscriber missed it reads from the event table, so a subscriber that fails is
    counted and logged, and neither undoes the commit nor keeps the others from hearing.
    """

    def __init__(self) -> None:
        self._handlers: tuple[Handler, ...] = ()
        self.failures = 0

    def subscribe(self, handler: Handler) -> Callable[[], None]:
        """Add a subscriber and return what removes it again."""
        self._handlers = (*self._handlers, handler)

        def unsubscribe() -> None:
            self._handlers = tuple(known for known in self._handlers if known is not handler)

        return unsubscribe

    def publish(self, events: Sequence[Event]) -> None:
        """Hand committed events to every subscriber."""
        if not events:
            return
        for handler in self._handlers:
            try:
                handler(events)
            except Exception:
                self.failures += 1
                logger.exception("a subscriber failed on %d committed events", len(events))
