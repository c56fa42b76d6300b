"""Whose address an attempt is counted under, behind a real server."""

from urllib.parse import urlsplit

import pytest

from oo.processes.http_server.connections import OpenConnections
from oo.ui.api_client import served
from tests.api.conftest import ADMIN_TOKEN, ApiHarness
from tests.http_attacks import request

TOKEN = (
    b"POST /api/auth/token HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: %s\r\nContent-Type: application/json\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n%s"
)


def _guesses(api: ApiHarness, proxies: tuple[str, ...]) -> list[int]:
    """Guess nine times, each time with another address in front."""
    body = b'{"token":"%s"}' % (b"x" * 40)
    with served(api.app, OpenConnections(proxies=proxies)) as address:
        port = urlsplit(address).port or 0
        return [request(port, TOKEN % (b"192.0.2.%d" % n, len(body), body)).status for n in range(9)]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_spoofed_address_is_still_limited(api: ApiHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """No header changes who a caller is, whatever the environment says, unless the peer is a proxy that was named."""
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")
    assert _guesses(api, ()) == [401] * 5 + [429] * 4
    api.wait(seconds=61)
    assert _guesses(api, ("127.0.0.1/32",)) == [401] * 9
    api.wait(seconds=61)
    assert _guesses(api, ("192.0.2.0/24",)) == [401] * 5 + [429] * 4
    body = b'{"token":"%s"}' % ADMIN_TOKEN.encode()
    with served(api.app) as address:
        assert request(urlsplit(address).port or 0, TOKEN % (b"192.0.2.1", len(body), body)).status == 204
