"""Erases a person from every store of a home; each step can be repeated, so an interrupted erasure is run again."""

from data_contracts.identifiers import PersonId
from feature_repo.history import History
from infra.database import erasure
from oo.household import Household


def erase(household: Household, name: str) -> dict[str, int]:
    """Erase a person by name and return how many rows went.

    Reads and writes about the person end first. What is derived goes next, the database and the person's key last, so
    that whatever interrupts this, the person is still known as one whose erasure has to be finished.
    """
    person = _whose(household, name)
    with household.database.unit_of_work() as uow:
        erasure.begin(uow, person)
        uow.commit()
    return erase_person(household, person)


def erase_person(household: Household, person: PersonId) -> dict[str, int]:
    """Empty every store of somebody whose erasure has begun."""
    household.stores.stream.drop(person)
    household.hydrator.forget(person)
    household.stores.online.delete(person)
    household.stores.online.checkpoint()
    History(household.settings.history).forget(person)
    return {"rows": erasure.erase(household.database, household.vault, person, now_us=household.now_us())}


def finish_erasures(household: Household) -> int:
    """Finish what an interruption left half done; return how many people that were."""
    with household.database.read() as session:
        waiting = erasure.unfinished(session)
    for person in waiting:
        erase_person(household, person)
    return len(waiting)


def _whose(household: Household, name: str) -> PersonId:
    return PersonId(household.person(name, erasing=True).person)
