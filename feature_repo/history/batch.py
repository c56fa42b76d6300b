"""Computes history from the event log in one pass, with the kernel of the stream.

A served view holds from the instant at which its facts could be known. The stream folds events in the order of their
arrival and serves what changed; the batch does the same over all events and keeps, of one instant, the last. The
calendar's view also changes by time alone, because its window moves: as the running system refreshes it, so does the
batch, on a fixed grid and only while the source is fresh.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from data_contracts.durations import HOUR_US
from data_contracts.events.codec import Sequenced
from data_contracts.features import CONSENT_SIGNALS, SOURCES, Source
from feature_repo.history.served_rows import HistoryRow
from feature_repo.state.fold import WorkingState, known_us
from feature_repo.state.served_row import served_view

GRID_US = 6 * HOUR_US
FRESH_US = SOURCES[Source.CALENDAR].fresh_s * 1_000_000


def _instant(folded: Sequenced) -> tuple[str, int]:
    return folded.event.person, known_us(folded.event)


def build_history(events: Iterable[Sequenced], until_us: int = 0) -> Iterator[HistoryRow]:
    """Yield, for each person and each instant at which something became known, the views that it changed.

    Between those instants, and after the last of them until `until_us`, come the calendars whose window moved.
    """
    ordered = sorted(events, key=lambda folded: (*_instant(folded), folded.sequence))
    for person, known in groupby(ordered, key=lambda folded: folded.event.person):
        state = WorkingState()
        calendar: HistoryRow | None = None
        seen_us = 0
        for (_, as_of_us), instant in groupby(known, key=_instant):
            for moved in _moved(state, calendar, seen_us, as_of_us - 1):
                calendar = moved
                yield moved
            changed: set[Source] = set()
            sequence = 0
            for folded in instant:
                changed.update(change.source for change in state.apply(folded.event))
                sequence = folded.sequence
            for source in CONSENT_SIGNALS:
                if source in changed:
                    row = HistoryRow(person, source, as_of_us, sequence, served_view(state, source, as_of_us))
                    calendar = row if source is Source.CALENDAR else calendar
                    yield row
            seen_us = as_of_us
        yield from _moved(state, calendar, seen_us, until_us)


def _moved(state: WorkingState, calendar: HistoryRow | None, after_us: int, until_us: int) -> Iterator[HistoryRow]:
    """Yield the calendars of the grid's instants in (after, until], where one differs from the last."""
    if calendar is None:
        return
    end_us = min(until_us, state.last_us(Source.CALENDAR) + FRESH_US)
    for as_of_us in range(after_us // GRID_US * GRID_US + GRID_US, end_us + 1, GRID_US):
        part = served_view(state, Source.CALENDAR, as_of_us)
        if part != calendar.part:
            calendar = calendar._replace(event_us=as_of_us, part=part)
            yield calendar
