"""When oO may speak: time zone, quiet hours, and how often it may interrupt."""

from fastapi import APIRouter

from api.dependencies import CurrentPerson, PartsOf
from api.preferences import service
from api.preferences.schemas import PreferencesIn, PreferencesOut

router = APIRouter(prefix="/api/preferences", tags=["preferences"])


@router.get("", operation_id="read_preferences")
def read(person: CurrentPerson, parts: PartsOf) -> PreferencesOut:
    """Return when oO may speak."""
    return service.read(parts=parts, person=person)


@router.patch("", operation_id="change_preferences")
def change(wish: PreferencesIn, person: CurrentPerson, parts: PartsOf) -> PreferencesOut:
    """Change what is given; it holds at the next request."""
    return service.change(parts=parts, person=person, wish=wish)
