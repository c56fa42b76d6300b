"""Laws of expiry."""

import pytest

from data_contracts.identifiers import PersonId, to_us
from data_contracts.retention import LOG_DAYS, TABLES
from flows.expiring import expire
from flows.parts import OpenedParts
from infra.database import events, quarantine, working_state
from infra.database.tables import Base, TextRow
from tests.flows import people
from tests.flows.people import later

HOUR_US = people.HOUR_US


def test_what_outlived_its_retention_goes_and_the_rest_stays(parts: OpenedParts, person: PersonId) -> None:
    """Chunks make no difference, and a second run finds nothing."""
    now_us = to_us(parts.clock())
    people.append(parts.database, [people.task(person, n, now_us - n) for n in range(450)])
    with parts.database.unit_of_work() as uow:
        for row_id, at_us in (("old", now_us), ("new", now_us + 20 * 24 * HOUR_US)):
            quarantine.add(uow, row_id=row_id, person=person, source="s", rule="r", received_us=at_us, box=b"x")
        uow.session.add(TextRow(person=person, subject="s", signal="tasks", box=b"x", expires_us=now_us + 1))
        uow.commit()
    assert expire(parts) == {}
    month = later(parts, 31)
    assert expire(month) == {"quarantine": 1, "texts": 1}
    years = later(parts, LOG_DAYS + 1)
    assert expire(years)["events"] == 456
    assert expire(years) == {}
    with parts.database.read() as session:
        assert events.after(session, person, 0, 9) == []
        assert [row.id for row in quarantine.list_for(session, person)] == []


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_limit_counts_from_a_column_that_the_table_has(name: str) -> None:
    """Retention and schema speak of the same columns."""
    since = TABLES[name].since
    assert since is None or since in Base.metadata.tables[name].columns


def test_a_table_without_a_limit_is_never_touched(parts: OpenedParts, person: PersonId) -> None:
    """What is kept until erasure stays for ever."""
    people.append(parts.database, [people.mood(person, to_us(parts.clock()))])
    assert set(expire(later(parts, 10_000))) == {"events"}
    with parts.database.read() as session:
        assert people.household(session) == [person]
        assert len(working_state.load(session, person)) == 1
