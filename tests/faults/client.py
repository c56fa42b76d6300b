"""A signed-in client that keeps its one connection, so that the server needs nothing new to answer it."""

import http.client
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Self

NUMBERS = count()


class Client:
    """One connection that is kept, so that it needs no new descriptor of the server."""

    def __init__(self, port: int, sid: str, timeout_s: float = 60.0) -> None:
        self._sid = sid
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any, str | None]:
        """Return status, content and `Retry-After` of one answer."""
        headers = {"Cookie": f"sid={self._sid}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
        except ConnectionError:  # it was idle for too long
            self._connection.close()
            self._connection.request(method, path, content, headers)
            response = self._connection.getresponse()
        text = response.read()
        is_json = "json" in (response.headers["Content-Type"] or "")
        return response.status, json.loads(text) if is_json else text.decode(), response.headers["Retry-After"]

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._connection.close()

    def begin(self, path: str) -> None:
        """Ask, and leave the answer for `end`."""
        self._connection.request("GET", path)

    def end(self) -> None:
        """Read the answer."""
        self._connection.getresponse().read()

    def push(self) -> int:
        """Push one new signal, and return the status."""
        number = next(NUMBERS)
        at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        data = {"task": f"task {number % 50}", "title": "write a letter", "state": "open", "priority": 1}
        item = {"id": f"exhaustion-{number}", "kind": "task_changed", "at": at, "source": "tests", "data": data}
        return self.ask("POST", "/api/signals", {"signals": [item]})[0]

    def failing(self) -> set[str]:
        """Return the parts that health names."""
        return {check["name"] for check in self.ask("GET", "/health")[1]["checks"] if not check["ok"]}
