"""History from the event log in one go, by the same kernel as the stream.

A served view holds from the instant at which its facts could be known. The stream folds events in the order of their
arrival and appends what changed; the batch does the same over all events and keeps, of one instant, the last.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from data_contracts.codec import Event
from data_contracts.features import CONSENT_SIGNALS, Source
from feature_repo.fold import WorkingState, known_us
from feature_repo.history import HistoryRow
from feature_repo.served_row import served_view


class Folded(NamedTuple):
    """An event and its place in the log."""

    sequence: int
    event: Event


def _instant(folded: Folded) -> tuple[str, int]:
    return folded.event.person, known_us(folded.event)


def build_history(events: Iterable[Folded]) -> Iterator[HistoryRow]:
    """Yield, for each person and each instant at which something became known, the views that it changed."""
    ordered = sorted(events, key=lambda folded: (*_instant(folded), folded.sequence))
    for person, known in groupby(ordered, key=lambda folded: folded.event.person):
        state = WorkingState()
        for (_, as_of_us), instant in groupby(known, key=_instant):
            changed: set[Source] = set()
            sequence = 0
            for folded in instant:
                changed.update(change.source for change in state.apply(folded.event))
                sequence = folded.sequence
            for source in CONSENT_SIGNALS:
                if source in changed:
                    yield HistoryRow(person, source, as_of_us, sequence, served_view(state, source, as_of_us))
