"""Authenticates a push: by a person's session, or by a source's token or signature."""

from hashlib import sha256

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from api.dependencies import caller_of, get_metrics, get_push_limits, get_services, reread_session
from api.middleware.body_limit import allow_known_sender
from api.services import Services
from api.signals import signatures
from api.signals.signatures import Signed
from api.signals.validation import Pusher
from data_contracts.durations import SECOND_US
from data_contracts.errors import BadSignature, Malformed, Unauthenticated, Unavailable
from data_contracts.identifiers import to_us
from infra.database.push_sources import push_sources
from infra.database.push_sources.deliveries import Delivery
from infra.database.push_sources.push_sources import TOUCH_US, PushSource

SCHEME = "bearer "
UNKNOWN = "this token is unknown, revoked or over; `oo sources add` mints one"
UNSIGNED = "no source has this address; `oo sources add --webhook` says which to use"


async def admit(request: Request) -> tuple[Pusher, bytes]:
    """Return the sender and the body, which is read only for an authenticated sender.

    What a request brings decides, and there is no second try: a signature, else a token of ours, else a session.
    Raises `Unauthenticated`, `TooManyRequests`, and what reading the body raises.
    """
    signature, authorization = _only(request, signatures.HEADER), _only(request, "authorization")
    token = _token_of(authorization)
    if signature is None and token is None:
        person, _ = await reread_session(request)
        return Pusher(person), await _body_of_known(request)
    try:
        return await (_with_token(request, token or "") if signature is None else _signed(request, signature))
    except Unauthenticated:
        await _refused(request)
        raise


async def _with_token(request: Request, token: str) -> tuple[Pusher, bytes]:
    services = get_services(request)
    source = await run_in_threadpool(_source_of_token, services, token)
    get_push_limits(request).pushes.count(source.id, services.clock())
    return Pusher(source.person, source), await _body_of_known(request)


async def _signed(request: Request, header: str) -> tuple[Pusher, bytes]:
    services = get_services(request)
    signed = signatures.read(header)
    signatures.require_recent(signed, services.clock().timestamp())
    source, secrets = await run_in_threadpool(_secrets_at, services, _address(request))
    body = await _body_of_known(request)
    pusher = await run_in_threadpool(_verified, services, source, secrets, signed, body)
    get_push_limits(request).pushes.count(source.id, services.clock())
    return pusher, body


async def _body_of_known(request: Request) -> bytes:
    """Return the body; before this a stranger's is not read at all. Raises `HTTPException` 413."""
    allow_known_sender(request)
    return await request.body()


def _source_of_token(services: Services, token: str) -> PushSource:
    now_us = to_us(services.clock())
    with services.database.read() as session:
        source = push_sources.by_token(session, services.vault, token, now_us=now_us)
    if source is None:
        raise Unauthenticated(UNKNOWN)
    _touch(services, source)
    return source


def _secrets_at(services: Services, address: str) -> tuple[PushSource, list[bytes]]:
    with services.database.read() as session:
        try:
            source = push_sources.by_id(session, services.vault, address)
            if source is None:
                raise BadSignature(UNSIGNED)
            return source, push_sources.signing_secrets(session, services.vault, source, now_us=to_us(services.clock()))
        except Malformed as error:  # not the sender's fault: it may come again once this is mended
            raise Unavailable("the secret of this source cannot be opened; `oo sources rotate` mints one") from error


def _verified(services: Services, source: PushSource, secrets: list[bytes], signed: Signed, body: bytes) -> Pusher:
    """Return the pusher of a delivery, known again by a keyed hash of all that was signed; raises `BadSignature`."""
    signatures.require_known(signed, body, secrets)
    _touch(services, source)
    digest = sha256(signatures.message(signed.at_s, body)).hexdigest()
    key = services.vault.subject_key(source.person, "delivery", f"{source.id}|{digest}")
    until_us = (signed.at_s + signatures.WINDOW_S + 1) * SECOND_US
    return Pusher(source.person, source, Delivery(source.person, key, until_us))


def _touch(services: Services, source: PushSource) -> None:
    now_us = to_us(services.clock())
    if source.seen_us is not None and source.seen_us > now_us - TOUCH_US:
        return
    with services.database.unit_of_work() as uow:
        push_sources.touch(uow, source, now_us=now_us)
        uow.commit()


def _only(request: Request, name: str) -> str | None:
    """Return the header's one value; a header that comes twice proves nothing."""
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise Unauthenticated(f"{name} may come once")
    return values[0] if values else None


def _token_of(authorization: str | None) -> str | None:
    """Return the token of ours; what a proxy adds for itself (Basic, tokens of others) is not for the API."""
    if authorization is None or not authorization.lower().startswith(SCHEME):
        return None
    token = authorization[len(SCHEME) :].strip()
    return token if token.startswith(push_sources.PREFIXES[push_sources.Form.TOKEN]) else None


async def _refused(request: Request) -> None:
    """Count and audit a refused credential; beyond the rate limit the answer says only when to try again."""
    services = get_services(request)
    get_metrics(request).refusals.labels("source").inc()
    get_push_limits(request).refused.count(caller_of(request), services.clock())
    await run_in_threadpool(_audit_refusal, services, _address(request))


def _audit_refusal(services: Services, address: str) -> None:
    with services.database.unit_of_work() as uow:
        push_sources.note_refusal(uow, services.vault, address, now_us=to_us(services.clock()))
        uow.commit()


def _address(request: Request) -> str:
    """Return which source a request names, if it names one."""
    addresses = request.query_params.getlist("source")
    return addresses[0] if len(addresses) == 1 else ""
