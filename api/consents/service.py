"""Reads and changes consents; a change holds from the next request on."""

from api.consents.schemas import ConsentIn, ConsentOut, ConsentsOut
from api.services import Services
from data_contracts.features import SOURCES, Source
from data_contracts.identifiers import PersonId, new_id, to_us
from infra.database.people import consents

SURFACE = "api"


def list_consents(*, services: Services, person: PersonId) -> ConsentsOut:
    """Return every signal with its purpose and state."""
    with services.database.read() as session:
        state = consents.state(session, person)
    return _view(state)


def change(*, services: Services, person: PersonId, wish: ConsentIn) -> ConsentsOut:
    """Grant or withdraw one signal and return the state of all."""
    now = services.clock()
    with services.database.unit_of_work() as uow:
        consents.change(
            uow,
            person=person,
            signal=Source(wish.signal),
            granted=wish.granted,
            at_us=to_us(now),
            surface=SURFACE,
            event_id=new_id(now, services.random_bytes),
        )
        state = consents.state(uow.session, person)
        uow.commit()
    return _view(state)


def _view(state: dict[Source, bool]) -> ConsentsOut:
    listed = [
        ConsentOut(signal=signal, purpose=SOURCES[signal].purpose, granted=granted) for signal, granted in state.items()
    ]
    return ConsentsOut(consents=listed)
