"""Watches the mirror beside the relay: how full it is, and which events it should have and lost."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from data_contracts.errors import OOError
from data_contracts.identifiers import to_us
from infra.clock import Clock
from infra.database import mirror_log
from infra.database.engine import Database
from infra.relay import WINDOW_US

__all__ = ["Extent", "MirrorWatch"]

SLACK_US = 3_600 * 1_000_000  # the server's clock decides about age, and it tidies up when it likes
logger = logging.getLogger(__name__)


class Extent(NamedTuple):
    """What the stream holds: its first and last place, the places between them that are empty, its share of bytes."""

    first: int = 0
    last: int = 0
    holes: frozenset[int] = frozenset()
    used: float = 0.0


class MirrorWatch:
    """Looks when it is told to; between looks it remembers what it saw."""

    def __init__(self, database: Database, clock: Clock, extent: Callable[[], Extent]) -> None:
        self.used = 0.0
        self.gap = 0
        self._database = database
        self._clock = clock
        self._extent = extent

    def look(self) -> None:
        """Ask the server and compare with the marks; a server that does not answer leaves the last picture."""
        since_us = to_us(self._clock()) - WINDOW_US + SLACK_US
        try:
            with self._database.read() as session:
                newest = mirror_log.newest_place(session)  # before the stream is asked: others go on meanwhile
            extent = self._extent()
        except OOError as error:
            logger.info("the mirror was not seen: %s", error)
            return
        with self._database.read() as session:
            below, above = extent.first, extent.last
            gap = mirror_log.marked_beyond(session, below, above, until=newest, since_us=since_us)
            self.gap = gap + mirror_log.marked_at(session, extent.holes)
        self.used = extent.used
