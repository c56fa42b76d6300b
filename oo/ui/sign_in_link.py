"""One-time sign-in links, and their QR code for a terminal."""

import io

import segno

from data_contracts.identifiers import PersonId
from infra.database.people import access_tokens
from oo.runtime import Runtime


def login_url(runtime: Runtime, person: PersonId, base: str) -> str:
    """Return a link that signs a browser in, once, within ten minutes."""
    with runtime.database.unit_of_work() as uow:
        token = access_tokens.create_login_link(uow, person=person, now_us=runtime.now_us())
        uow.commit()
    return f"{base}/login/{token}"


def qr_code(url: str) -> str:
    """Return the link as a QR code of half blocks."""
    drawn = io.StringIO()
    segno.make(url, micro=False).terminal(drawn, compact=True)
    return drawn.getvalue()
