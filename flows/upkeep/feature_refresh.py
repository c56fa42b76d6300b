"""Refreshes features in a batch: the stream, time windows, history and Feast.

History is a function of the event log, so it is made from the log again and only what is missing is appended: a run
that is repeated or was interrupted changes nothing. A person who is erased meanwhile is taken out again.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple

import polars as pl

from data_contracts.events.codec import Sequenced
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId, to_us
from feature_repo.history.batch import build_history
from feature_repo.history.compaction import compact
from feature_repo.history.served_rows import EVENT_TIME, PERSON, SEQUENCE_TIME, History
from flows.context import FlowContext, online_location
from infra.database.events import events
from infra.database.people import people

PAGE = 5_000  # events per read
WINDOW = timedelta(days=2)  # materialised again each time, so that late facts are not missed

Version = tuple[Source, int, int]


class Built(NamedTuple):
    """What a run did, in counts."""

    people: int = 0
    folded: int = 0
    history_rows: int = 0
    merged_parts: int = 0
    gone: int = 0


def build_features(context: FlowContext) -> Built:
    """Fold what is unread, refresh every view, and append the history that is missing."""
    folded = context.stream.fold_all()
    history = History(context.settings.history)
    with context.database.read() as session:
        members = [PersonId(row.person) for row in people.list_all(session)]
    gone = written = 0
    for person in members:
        gone += not context.stream.refresh_person(person)
        written += append_history(context, history, person)
    return Built(len(members), folded.read, written, compact(history), gone)


def append_history(context: FlowContext, history: History, person: PersonId) -> int:
    """Append the versions of a person's views that history lacks; return how many."""
    known = _known(history, person)
    rows = build_history(_log(context, person), until_us=to_us(context.clock()))
    missing = [row for row in rows if (row.source, row.event_us, row.sequence) not in known]
    history.append(missing)
    with context.database.read() as session:
        row = people.find(session, person)
    if row is None or row.erasing:
        history.forget(person)
        return 0
    return len(missing)


@contextmanager
def open_feast(context: FlowContext) -> Iterator[Any]:
    """Give the `feast.FeatureStore` of the home, its definitions applied; close what it opened, forget what it read."""
    from feature_repo.feast_store.apply import apply  # noqa: PLC0415 - feast takes seven seconds
    from feature_repo.history.point_in_time import REMEMBERED  # noqa: PLC0415 - its history is read for feast only

    settings = context.settings
    store = apply(settings.home, folder=settings.feast, online=online_location(settings))
    try:
        yield store
    finally:
        REMEMBERED.forget()
        asyncio.run(store.close())


def materialize(context: FlowContext) -> None:
    """Bring the newest window of history online through Feast, behind the guard."""
    from feature_repo.feast_store import apply  # noqa: PLC0415 - as above

    now = context.clock()
    with open_feast(context) as store:
        apply.materialize(store, now - WINDOW, now)


def _log(context: FlowContext, person: PersonId) -> Iterator[Sequenced]:
    sequence = 0
    while True:
        with context.database.read() as session:
            page = events.after(session, person, sequence, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        sequence = page[-1].sequence


def _known(history: History, person: PersonId) -> set[Version]:
    known: set[Version] = set()
    for source in CONSENT_SIGNALS:
        table = history.read(source.value, [PERSON, EVENT_TIME, SEQUENCE_TIME], [person])
        rows = table.filter(pl.col(PERSON) == person).select(EVENT_TIME, SEQUENCE_TIME).iter_rows()
        known |= {(source, to_us(event_at), to_us(sequence_at)) for event_at, sequence_at in rows}
    return known
