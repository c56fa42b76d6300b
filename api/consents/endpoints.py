"""Reads and changes a person's consents."""

from fastapi import APIRouter

from api.consents import service
from api.consents.schemas import ConsentIn, ConsentsOut
from api.dependencies import CurrentPerson, ServicesOf

router = APIRouter(prefix="/api/consents", tags=["consents"])


@router.get("", operation_id="list_consents")
def list_consents(person: CurrentPerson, services: ServicesOf) -> ConsentsOut:
    """Return every signal with its purpose, and whether it is allowed."""
    return service.list_consents(services=services, person=person)


@router.post("", operation_id="change_consent")
def change(wish: ConsentIn, person: CurrentPerson, services: ServicesOf) -> ConsentsOut:
    """Grant or withdraw one signal; withdrawing is as easy as granting."""
    return service.change(services=services, person=person, wish=wish)
