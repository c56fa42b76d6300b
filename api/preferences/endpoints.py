"""Preferences: time zone, quiet hours, and how often a tip may interrupt."""

from fastapi import APIRouter

from api.dependencies import CurrentPerson, ServicesOf
from api.preferences import service
from api.preferences.schemas import PreferencesIn, PreferencesOut

router = APIRouter(prefix="/api/preferences", tags=["preferences"])


@router.get("", operation_id="read_preferences")
def read(person: CurrentPerson, services: ServicesOf) -> PreferencesOut:
    """Return when oO may speak."""
    return service.read(services=services, person=person)


@router.patch("", operation_id="change_preferences")
def change(wish: PreferencesIn, person: CurrentPerson, services: ServicesOf) -> PreferencesOut:
    """Change what is given; it holds at the next request."""
    return service.change(services=services, person=person, wish=wish)
