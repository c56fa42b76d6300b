"""Candidate pools ahead of time: everybody's tips of the next hour, sealed in the online store."""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from data_contracts.errors import ErasedPerson
from data_contracts.identifiers import PersonId, to_us
from flows.context import FlowParts
from infra.database.people import people
from serving.candidates.pool_maker import PoolMaker
from serving.candidates.titles import Hydrator


class Generated(NamedTuple):
    """What a run did, in counts."""

    people: int = 0
    candidates: int = 0
    without_titles: int = 0
    gone: int = 0


def generate_candidates(parts: FlowParts) -> Generated:
    """Make and keep the pool of each person."""
    maker = PoolMaker(parts.online, parts.vault, Hydrator(parts.database, parts.vault))
    with parts.database.read() as session:
        household = [(PersonId(row.person), row.consent_mask, row.zone) for row in people.list_all(session)]
    candidates = without_titles = gone = 0
    for person, consent_mask, zone in household:
        row = parts.online.read(person).row
        try:
            made = maker.make(person, row, consent_mask, ZoneInfo(zone), to_us(parts.clock()))
        except ErasedPerson:
            gone += 1
            continue
        candidates += len(made.pool.pool.candidates)
        without_titles += made.fallback is not None
        if _left(parts, person):  # between the list and the pool
            parts.online.delete(person)
            gone += 1
    return Generated(len(household), candidates, without_titles, gone)


def _left(parts: FlowParts, person: PersonId) -> bool:
    with parts.database.read() as session:
        row = people.find(session, person)
    return row is None or row.erasing
