"""Rebuilds a person's features from their events, compares them with the stored ones, and replaces those."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from data_contracts.durations import DAY_US
from data_contracts.errors import Conflict
from data_contracts.events.codec import Event
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import PersonId, to_us
from data_contracts.retention import LOG_DAYS
from data_contracts.state_rows import StoredRow
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import StateRow, WorkingState
from feature_repo.state.served_row import served_row, served_view
from flows.context import FlowContext
from infra.database.events import events, working_state
from infra.database.events.working_state import FoldHead

__all__ = ["Rebuilt", "rebuild"]

PAGE = 5_000
ATTEMPTS = 5


class Rebuilt(NamedTuple):
    """What a rebuild read and found: rows of working state that were wrong, and whether the served row was right."""

    events: int
    wrong_rows: int
    served_equal: bool


def rebuild(context: FlowContext, person: PersonId) -> Rebuilt:
    """Make working state and served row from the events and mend what differs.

    Raises `Conflict` when the person's events come faster than they can be read, `ErasedPerson`, `NotFound`.
    """
    for _ in range(ATTEMPTS):
        context.stream.fold_person(person)
        head, log = _log(context, person)
        rebuilt = _write(context, person, head, log)
        if rebuilt is not None:
            return rebuilt
    raise Conflict("new events kept arriving during the rebuild; run it again")


def _log(context: FlowContext, person: PersonId) -> tuple[FoldHead, list[Event]]:
    """Return the head and the events up to it, of one snapshot."""
    log: list[Event] = []
    sequence = 0
    with context.database.read() as session:
        head = working_state.head(session, person)
        while True:
            page = events.after(session, person, sequence, PAGE)
            log += (event for number, event in page if number <= head.sequence)
            if len(page) < PAGE:
                return head, log
            sequence = page[-1].sequence


def _write(context: FlowContext, person: PersonId, head: FoldHead, log: list[Event]) -> Rebuilt | None:
    """Put the rebuilt state in place of the stored one; return None when the head has moved meanwhile."""
    folded = list(fold(log).rows())
    with context.database.unit_of_work() as uow:
        working_state.lock(uow, person)
        if working_state.head(uow.session, person) != head:
            return None
        stored = set(working_state.load(uow.session, person))
        state = WorkingState.from_rows([*folded, *_outlived(stored, log, to_us(context.clock()))])
        wanted = {row.stored for row in state.rows()}
        working_state.forget_rows(uow, [(person, row.source, row.key) for row in stored - wanted])
        working_state.save(uow, [(person, row) for row in sorted(wanted - stored)])
        packet = context.online.read(person)
        equal = packet.row == served_row(state, head.as_of_us)
        if not equal:
            context.online.delete(person)  # the guard would keep a wrong row of the same version
            views = {source: served_view(state, source, head.as_of_us) for source in CONSENT_SIGNALS}
            context.online.write(person, views, head.as_of_us, head.sequence)
        uow.commit()
    context.stream.drop(person)
    return Rebuilt(len(log), len(stored ^ wanted), equal)


def _outlived(stored: Iterable[StoredRow], log: list[Event], now_us: int) -> Iterator[StateRow]:
    """Yield stored rows whose event is too old for the log to have kept: they cannot be made again, so they stand."""
    kept, since_us = {event.id for event in log}, now_us - LOG_DAYS * DAY_US
    return (StateRow.of(row) for row in stored if row.at_us < since_us and row.event_id not in kept)
