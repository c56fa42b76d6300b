"""The command line's client of the API over loopback: signs in by a one-time link and keeps the cookie."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from data_contracts.errors import Unavailable
from oo.processes.http_server.connections import OpenConnections
from oo.processes.servers import listen, served_in_background

TIMEOUT_S = 30.0
REFUSED = 400


@contextmanager
def served(app: Any, connections: OpenConnections | None = None) -> Iterator[str]:
    """Serve an app on a free port in a thread and give its address."""
    listener, port = listen("127.0.0.1", 0)
    with served_in_background("demo-api", app, listener, connections):
        yield f"http://127.0.0.1:{port}"


class ApiClient:
    """Calls the API as a browser would."""

    def __init__(self, login_url: str) -> None:
        address = urlsplit(login_url)
        self._connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_S)
        self._cookie = ""
        response = self._send("POST", address.path, None)
        cookies = SimpleCookie(response.getheader("set-cookie", ""))
        self._cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in cookies.items())
        response.read()

    def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON answer of a POST; raises `Unavailable` for anything but success."""
        return self._answer("POST", path, body)

    def get(self, path: str) -> Any:
        """Return the JSON answer of a GET; raises `Unavailable` for anything but success."""
        return self._answer("GET", path, None)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _answer(self, method: str, path: str, body: Any) -> Any:
        response = self._send(method, path, body)
        text = response.read()
        if response.status >= REFUSED:
            raise Unavailable(f"{method} {path} answered {response.status}: {text.decode()[:300]}")
        return json.loads(text) if text else None

    def _send(self, method: str, path: str, body: Any) -> http.client.HTTPResponse:
        headers = {"cookie": self._cookie} if self._cookie else {}
        if body is not None:
            headers["content-type"] = "application/json"
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        return self._connection.getresponse()
