"""The two sides of an attack: raw bytes on a connection, and a signed-in client who asks all the while."""

import http.client
import json
import socket
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

PATIENCE_S = 20.0
EVERY_S = 0.1
PROMPT_S = 1.0  # what a signed-in client may have to wait
OK = 200


class Answer(NamedTuple):
    """What came back: 0 is a connection that was closed or stayed silent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


NOTHING = Answer(0, {}, b"")


def ask(  # noqa: PLR0917 - a request, in the order in which it is written
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    timeout_s: float = PATIENCE_S,
) -> Answer:
    """Send one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    except (OSError, http.client.HTTPException):
        return NOTHING
    finally:
        connection.close()


class Raw:
    """A connection on which anything may be sent."""

    def __init__(self, port: int, timeout_s: float = PATIENCE_S) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.sent = 0

    def send(self, data: bytes) -> bool:
        """Send; return false when the other side has closed or takes nothing."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        self.sent += len(data)
        return True

    def flood(self, chunk: bytes, total: int) -> bool:
        """Send a chunk again and again; return whether all was taken. Stops when an answer is waiting."""
        while self.sent < total:
            self.socket.setblocking(False)
            with suppress(BlockingIOError, OSError):
                if self.socket.recv(1, socket.MSG_PEEK):
                    self.socket.settimeout(PATIENCE_S)
                    return False
            self.socket.settimeout(PATIENCE_S)
            if not self.send(chunk):
                return False
        return True

    def status(self, timeout_s: float = PATIENCE_S) -> int:
        """Return the status of the answer; 0 when the connection was closed without one or stayed silent."""
        self.socket.settimeout(timeout_s)
        head = b""
        with suppress(OSError):
            while b"\r\n" not in head:
                more = self.socket.recv(4_096)
                if not more:
                    break
                head += more
        return int(head[9:12]) if head.startswith(b"HTTP/1.1 ") else 0

    @property
    def closed(self) -> bool:
        """Whether the other side has closed it."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(65_536):
                pass
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def __enter__(self) -> Self:
        """Give it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.socket.close()


@dataclass
class Witness:
    """A signed-in client that asks ten times a second, each time on a new connection, while something else goes on."""

    port: int
    sid: str
    waits_s: list[float] = field(default_factory=list)
    refused: Counter[int] = field(default_factory=Counter)  # 0: no answer
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(EVERY_S):
            began = time.monotonic()
            status = ask(self.port, "GET", "/api/session", headers={"Cookie": f"sid={self.sid}"}).status
            self.refused.update([status] if status != OK else [])
            self.waits_s.append(time.monotonic() - began)

    @property
    def worst_s(self) -> float:
        """The longest wait."""
        return max(self.waits_s, default=0.0)

    @property
    def well(self) -> bool:
        """Whether everybody was answered in time, and somebody asked."""
        return bool(self.waits_s) and not self.refused and self.worst_s <= PROMPT_S

    def __str__(self) -> str:
        """Say how it went."""
        refused = f", refused {dict(self.refused)}" if self.refused else ""
        return f"the client asked {len(self.waits_s)} times, waited {self.worst_s:.2f} s at most{refused}"
