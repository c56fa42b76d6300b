"""Laws of sessions and login links."""

import pytest

from data_contracts.errors import NotFound, Unauthenticated
from data_contracts.identifiers import PersonId
from infra.database.engine.database import Database
from infra.database.maintenance import erasure
from infra.database.people import access_tokens, people
from infra.database.people.access_tokens import ADMIN_SESSION_US, IDLE_US, LINK_US, SESSION_US, SignedIn
from tests.infra.database.rows import add_person


@pytest.fixture
def sid(database: Database, person: PersonId) -> str:
    """Return an open session of a member, opened at 0."""
    add_person(database, person)
    with database.unit_of_work() as uow:
        opened = access_tokens.open_session(uow, person=person, now_us=0)
        uow.commit()
    return opened


def _found(database: Database, sid: str, now_us: int) -> SignedIn | None:
    with database.read() as session:
        return access_tokens.find_session(session, sid, now_us=now_us)


def test_a_session_is_known_only_by_its_hash(database: Database, sid: str, person: PersonId) -> None:
    """A sid has 256 bits, and the database cannot give it away."""
    assert len(bytes.fromhex(sid)) == 32
    found = _found(database, sid, 1)
    assert found is not None
    assert found.person == person
    with database.unit_of_work() as uow:
        rows = uow.session.connection().exec_driver_sql("SELECT * FROM sessions").all()
    assert sid not in repr(rows)


def test_a_session_ends_when_it_rests_too_long(database: Database, sid: str) -> None:
    """The idle timer starts again with each use."""
    assert _found(database, sid, IDLE_US - 1) is not None
    assert _found(database, sid, IDLE_US) is None
    with database.unit_of_work() as uow:
        access_tokens.touch_session(uow, sid, now_us=IDLE_US - 1)
        uow.commit()
    assert _found(database, sid, IDLE_US) is not None


def test_a_session_ends_however_busy_it_is(database: Database, sid: str) -> None:
    """The absolute timer cannot be pushed back."""
    for day in range(1, 31):
        with database.unit_of_work() as uow:
            access_tokens.touch_session(uow, sid, now_us=day * SESSION_US // 30)
            uow.commit()
    assert _found(database, sid, SESSION_US - 1) is not None
    assert _found(database, sid, SESSION_US) is None


def test_signing_out_revoking_and_erasing_end_sessions(database: Database, sid: str, person: PersonId) -> None:
    """A session is gone at the next look, for each of the ways to end it."""
    with database.unit_of_work() as uow:
        second = access_tokens.open_session(uow, person=person, now_us=0)
        assert access_tokens.revoke_session(uow, sid)
        assert not access_tokens.revoke_session(uow, sid)
        uow.commit()
    assert _found(database, sid, 1) is None
    assert _found(database, second, 1) is not None
    with database.unit_of_work() as uow:
        people.revoke_sessions(uow, person=person)
        third = access_tokens.open_session(uow, person=person, now_us=0)
        uow.commit()
    assert _found(database, second, 1) is None
    with database.unit_of_work() as uow:
        erasure.begin(uow, person)
        uow.commit()
    assert _found(database, third, 1) is None


def test_the_role_is_the_databases_and_changing_it_ends_sessions(
    database: Database, sid: str, person: PersonId
) -> None:
    """Nobody keeps a role in a cookie."""
    with database.unit_of_work() as uow:
        people.set_role(uow, person=person, role="admin")
        fresh = access_tokens.open_session(uow, person=person, now_us=0)
        uow.commit()
    assert _found(database, sid, 1) is None
    found = _found(database, fresh, 1)
    assert found is not None
    assert found.role == "admin"


def test_the_admin_token_opens_a_day_without_a_person(database: Database) -> None:
    """Automated tools are nobody, and for 24 hours only."""
    with database.unit_of_work() as uow:
        sid = access_tokens.open_admin_session(uow, now_us=0)
        uow.commit()
    found = _found(database, sid, ADMIN_SESSION_US - 1)
    assert found is not None
    assert (found.person, found.role, found.expires_us) == (None, "admin", ADMIN_SESSION_US)
    assert _found(database, sid, ADMIN_SESSION_US) is None


def test_an_unknown_sid_is_nobody(database: Database) -> None:
    """A guess opens nothing."""
    assert _found(database, "0" * 64, 1) is None


def test_a_login_link_works_once(database: Database, person: PersonId) -> None:
    """The second use, the late use and the guess are refused alike."""
    add_person(database, person)
    with database.unit_of_work() as uow:
        token, late = (access_tokens.create_login_link(uow, person=person, now_us=0) for _ in range(2))
        assert access_tokens.redeem_login_link(uow, token, now_us=1) == person
        for again, now_us in ((token, 2), (late, LINK_US), ("guess", 1)):
            with pytest.raises(Unauthenticated):
                access_tokens.redeem_login_link(uow, again, now_us=now_us)
        rows = uow.session.connection().exec_driver_sql("SELECT * FROM login_links").all()
        assert token not in repr(rows)


def test_there_is_no_link_for_nobody(database: Database, person: PersonId) -> None:
    """A stranger cannot be invited in."""
    with database.unit_of_work() as uow, pytest.raises(NotFound):
        access_tokens.create_login_link(uow, person=person, now_us=0)
