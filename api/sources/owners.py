"""Whose sources a request is about: the caller's own, or those of the person that an administrator names."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Query
from pydantic import WithJsonSchema

from api.dependencies import CurrentSession, ServicesOf, require_admin, require_person
from data_contracts.errors import NotFound
from data_contracts.identifiers import PersonId
from infra.database.people import people

LONGEST_NAME = 80
NAME = r"^[^\x00]+$"  # PostgreSQL knows no NUL
NAME_SCHEMA = {"type": "string", "maxLength": LONGEST_NAME, "pattern": NAME}
PersonName = Annotated[str | None, Query(max_length=LONGEST_NAME, pattern=NAME), WithJsonSchema(NAME_SCHEMA)]


class Owner(NamedTuple):
    """The person, and who acts for them, as audit lines say it."""

    person: PersonId
    actor: str


def find_owner(caller: CurrentSession, services: ServicesOf, person: PersonName = None) -> Owner:
    """Return whose sources these are; only an administrator may name a `person`."""
    if person is None:
        return Owner(require_person(caller), "person")
    require_admin(caller)
    with services.database.read() as session:
        row = people.find_by_name(session, person)
    if row is None or row.erasing:
        raise NotFound("there is no person of that name")
    return Owner(PersonId(row.person), "admin")


OwnerOf = Annotated[Owner, Depends(find_owner)]
