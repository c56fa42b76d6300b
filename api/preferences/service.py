"""Reads and changes preferences; a change holds from the next request on."""

from api.preferences.schemas import PreferencesIn, PreferencesOut
from api.services import Services
from data_contracts.clock_face import clock_face, minute_at
from data_contracts.identifiers import PersonId
from infra.database.all_tables import PersonRow
from infra.database.people import people


def read(*, services: Services, person: PersonId) -> PreferencesOut:
    """Return the person's preferences."""
    with services.database.read() as session:
        return _view(people.get(session, person))


def change(*, services: Services, person: PersonId, wish: PreferencesIn) -> PreferencesOut:
    """Change what is given and return all; raises `Malformed` for an unknown zone."""
    with services.database.unit_of_work() as uow:
        row = people.set_preferences(
            uow,
            person=person,
            zone=wish.zone,
            quiet_start_min=None if wish.quiet_from is None else minute_at(wish.quiet_from),
            quiet_end_min=None if wish.quiet_until is None else minute_at(wish.quiet_until),
            budget=wish.budget,
        )
        uow.commit()
        return _view(row)


def _view(row: PersonRow) -> PreferencesOut:
    return PreferencesOut(
        zone=row.zone,
        quiet_from=clock_face(row.quiet_start_min),
        quiet_until=clock_face(row.quiet_end_min),
        budget=row.budget,
    )
