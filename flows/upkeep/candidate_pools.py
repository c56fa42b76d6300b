"""Makes everybody's candidate pool of the next hour ahead of time, sealed in the online store."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from data_contracts.errors import ErasedPerson
from data_contracts.identifiers import PersonId, to_us
from flows.context import FlowContext
from infra.database.people import people
from serving.candidates.pool_maker import PoolMaker
from serving.candidates.titles import TitleReader


class Generated(NamedTuple):
    """What a run did, in counts."""

    people: int = 0
    candidates: int = 0
    without_titles: int = 0
    gone: int = 0


def generate_candidates(context: FlowContext) -> Generated:
    """Make and keep the pool of each person."""
    maker = PoolMaker(context.online, context.vault, TitleReader(context.database, context.vault))
    with context.database.read() as session:
        members = [(PersonId(row.person), row.consent_mask, row.zone) for row in people.list_all(session)]
    candidates = without_titles = gone = 0
    for person, consent_mask, zone in members:
        row = context.online.read(person).row
        try:
            made = maker.make(person, row, consent_mask, ZoneInfo(zone), to_us(context.clock()))
        except ErasedPerson:
            gone += 1
            continue
        candidates += len(made.pool.pool.candidates)
        without_titles += made.fallback is not None
        if _left(context, person):  # between the list and the pool
            context.online.delete(person)
            gone += 1
    return Generated(len(members), candidates, without_titles, gone)


def _left(context: FlowContext, person: PersonId) -> bool:
    with context.database.read() as session:
        row = people.find(session, person)
    return row is None or row.erasing
