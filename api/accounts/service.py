"""Opens and closes sessions; each attempt with the admin token is audited, up to the rate limit."""

from hashlib import sha256
from hmac import compare_digest
from typing import NoReturn

from api.accounts.schemas import SessionOut
from api.accounts.session_store import Session
from api.services import Services
from data_contracts.durations import SECOND_US
from data_contracts.errors import NotFound, Unauthenticated
from data_contracts.identifiers import from_us, to_us
from infra.database.audit import audit_log
from infra.database.people import access_tokens, people
from infra.settings import Settings

ADMIN_SESSION_S = access_tokens.ADMIN_SESSION_US // SECOND_US
SESSION_S = access_tokens.SESSION_US // SECOND_US


def is_admin_token(*, settings: Settings, token: str) -> bool:
    """Compare in constant time; raises `NotFound` when the token is off."""
    if settings.admin_token is None:
        raise NotFound("the admin token is off; it is on while ADMIN_TOKEN is set")
    return compare_digest(_digest(token), _digest(settings.admin_token.get_secret_value()))


def open_admin_session(*, services: Services) -> str:
    """Return the `sid` of a new admin session of 24 hours."""
    now_us = to_us(services.clock())
    with services.database.unit_of_work() as uow:
        audit_log.append(uow, at_us=now_us, actor="admin_token", action="admin_session_opened")
        sid = access_tokens.open_admin_session(uow, now_us=now_us, random_bytes=services.random_bytes)
        uow.commit()
    return sid


def refuse_token(*, services: Services) -> NoReturn:
    """Note that a wrong token was tried; raises `Unauthenticated`."""
    with services.database.unit_of_work() as uow:
        audit_log.append(uow, at_us=to_us(services.clock()), actor="unknown", action="admin_session_refused")
        uow.commit()
    raise Unauthenticated("this is not the admin token")


def redeem_link(*, services: Services, token: str) -> str:
    """Use a one-time link up and return the `sid` of a new session; raises `Unauthenticated`."""
    now_us = to_us(services.clock())
    with services.database.unit_of_work() as uow:
        person = access_tokens.redeem_login_link(uow, token, now_us=now_us)
        sid = access_tokens.open_session(uow, person=person, now_us=now_us, random_bytes=services.random_bytes)
        uow.commit()
    return sid


def sign_out(*, services: Services, sid: str) -> None:
    """End one session on every replica; the person's other sessions go on."""
    with services.database.unit_of_work() as uow:
        access_tokens.revoke_session(uow, sid)
        uow.commit()


def describe(*, services: Services, caller: Session) -> SessionOut:
    """Return who is signed in."""
    name = None
    if caller.person is not None:
        with services.database.read() as session:
            name = people.get(session, caller.person).name
    return SessionOut(name=name, role=caller.role, expires_at=from_us(caller.ends_us))


def _digest(secret: str) -> bytes:
    """Return bytes of one length whatever the guess, lone surrogates included."""
    return sha256(secret.encode(errors="surrogatepass")).digest()
