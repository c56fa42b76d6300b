"""Reconciles the mirror with the table beside the relay: measures it, and sends again what it lost."""

import logging
from collections.abc import Callable
from typing import NamedTuple

from data_contracts.durations import HOUR_US
from data_contracts.errors import OOError
from data_contracts.identifiers import to_us
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.events import mirror_log
from infra.mirror.relay import WINDOW_US

__all__ = ["Extent", "MirrorReconciler"]

SLACK_US = HOUR_US  # the server's clock decides about age, and it tidies up when it likes
logger = logging.getLogger(__name__)


class Extent(NamedTuple):
    """What the stream holds: its first and last place, the places between them that are empty, its share of bytes."""

    first: int = 0
    last: int = 0
    holes: frozenset[int] = frozenset()
    used: float = 0.0


class MirrorReconciler:
    """Looks when it is told to; between looks it remembers what it saw.

    What is found missing loses its mark, so a relay sends it again; the inbox knows an event that comes twice.
    """

    def __init__(self, database: Database, clock: Clock, extent: Callable[[], Extent]) -> None:
        self.used = 0.0
        self.gap = 0
        self.mended = 0
        self._first = 0  # where the stream began: only what it lost since has to be looked up
        self._database = database
        self._clock = clock
        self._extent = extent

    def look(self) -> None:
        """Ask the server and compare with the marks; a server that does not answer leaves the last picture."""
        try:
            with self._database.read() as session:
                newest = mirror_log.newest_place(session)  # before the stream is asked: others go on meanwhile
            extent = self._extent()
            self.gap = self._mend(extent, newest)
        except OOError as error:
            logger.info("the mirror was not seen: %s", error)
            return
        self.used = extent.used
        self.mended += self.gap

    def _mend(self, extent: Extent, newest: int) -> int:
        """Take back the marks of what is missing at the beginning, at the end and between; return how many."""
        since_us = to_us(self._clock()) - WINDOW_US + SLACK_US
        with self._database.read() as session:
            holes = mirror_log.marked_among(session, extent.holes)
        if extent.first == self._first and newest <= extent.last and not holes:
            return 0
        with self._database.unit_of_work() as uow:
            lost = mirror_log.unmark_between(uow, self._first - 1, extent.first - 1, since_us=since_us)
            lost += mirror_log.unmark_between(uow, extent.last, newest, since_us=since_us)
            lost += mirror_log.unmark_at(uow, holes)
            uow.commit()
        self._first = extent.first
        if lost:
            logger.warning("the mirror has lost %d events; they are sent again", lost)
        return lost
