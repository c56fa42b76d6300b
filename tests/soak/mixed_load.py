"""Twenty requests a second of every kind, on schedule, from one signed-in person."""

import http.client
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple, Self

RATE = 20.0
TIMEOUT_S = 10.0
AGE = timedelta(hours=2)
TASKS = 40
OK = 200


class Timed(NamedTuple):
    """One answer: when it was due since the start, and how long it took from there."""

    due_s: float
    took_s: float


class MixedLoad:
    """Of ten requests four push signals, three ask for a tip, one reacts, one reads the session, one probes."""

    def __init__(self, port: int, sid: str, rate: float = RATE) -> None:
        self.timed: list[Timed] = []
        self.statuses: Counter[int] = Counter()  # 0: no answer
        self._port = port
        self._rate = rate
        self._headers = {"Cookie": f"sid={sid}", "Content-Type": "application/json"}
        self._connection: http.client.HTTPConnection | None = None
        self._decision = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oo-soak", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End after the request that is under way."""
        self._stopping.set()
        self._thread.join()
        if self._connection is not None:
            self._connection.close()

    def _run(self) -> None:
        began = time.monotonic()
        for number in count():
            due = number / self._rate
            if self._stopping.wait(max(0.0, began + due - time.monotonic())):
                return
            self._one(number)
            self.timed.append(Timed(due, time.monotonic() - began - due))

    def _one(self, number: int) -> None:
        kind = number % 10
        if kind in {0, 2, 4, 6}:
            self._send("POST", "/api/signals", {"signals": [_task(number)]})
        elif kind in {1, 5, 9}:
            answer = self._send("POST", "/api/recommend", {"trigger": "open"})
            told = answer or {}
            self._decision = told["decision_id"] if told.get("tip") else ""  # nobody reacts to silence
        elif kind == 3 and self._decision:
            reaction = {"decision_id": self._decision, "kind": "done", "idempotency_key": f"soak-{number}"}
            self._send("POST", "/api/reactions", reaction)
        else:
            self._send("GET", "/health" if kind == 7 else "/api/session")

    def _send(self, method: str, path: str, body: object = None) -> Any:
        try:
            if self._connection is None:
                self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
            self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.statuses[0] += 1
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            return None
        self.statuses[response.status] += 1
        return json.loads(text) if response.status == OK else None


def _task(number: int) -> dict[str, object]:
    """Return a fact about one of a few tasks, so that what is known about a person stays as large as it is."""
    data = {"task": f"task {number % TASKS}", "title": f"letter {number % TASKS}", "priority": 1 + number % 4}
    data["state"] = "done" if number // TASKS % 2 else "open"
    at = (datetime.now(UTC) - AGE).isoformat()
    return {"id": f"soak-{number}", "kind": "task_changed", "at": at, "source": "soak", "data": data}
