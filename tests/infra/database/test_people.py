"""Laws of people."""

import pytest

from data_contracts.errors import Conflict, Malformed, NotFound
from data_contracts.identifiers import PersonId, new_person
from infra.database.engine.database import Database
from infra.database.people import people
from tests.infra.database.rows import add_person


def test_a_name_and_a_pseudonym_belong_to_one(database: Database, person: PersonId) -> None:
    """Nobody is overwritten."""
    add_person(database, person)
    for pseudonym, name in ((new_person(), "me"), (person, "other")):
        with pytest.raises(Conflict):
            add_person(database, pseudonym, name=name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Mars/Base"},
        {"zone": "../etc"},
        {"name": ""},
        {"name": "a\nb"},
        {"role": "root"},
        {"quiet_end_min": 1_440},
        {"budget": 25},
    ],
)
def test_what_the_contract_does_not_allow_is_malformed(
    database: Database, person: PersonId, wrong: dict[str, object]
) -> None:
    """An unknown zone, an unprintable name, an invented role: one clear refusal."""
    known: dict[str, object] = {"person": person, "name": "me", "zone": "UTC", "created_us": 1, **wrong}
    with database.unit_of_work() as uow, pytest.raises(Malformed):
        people.create(uow, **known)  # type: ignore[arg-type] # this is the law


def test_preferences_change_alone(database: Database, person: PersonId) -> None:
    """What is not named stays."""
    add_person(database, person)
    with database.unit_of_work() as uow:
        people.set_preferences(uow, person=person, zone="Asia/Tokyo", silence_price=0.9)
        uow.commit()
    with database.read() as session:
        row = people.get(session, person)
        assert (row.zone, row.silence_price, row.budget, row.quiet_start_min) == ("Asia/Tokyo", 0.9, 3, 1_320)
        assert people.find_by_name(session, "me") is row
        assert people.list_all(session) == [row]
        with pytest.raises(NotFound):
            people.get(session, new_person())
