"""The client outside the system: it pushes signals over HTTP, reacts to tips, and notes on disk what was acknowledged.

A request that got no good answer is sent again, unchanged, until it gets one; a line of the ledger is on the disk
before the next request begins.
"""

import http.client
import json
import os
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

from data_contracts.identifiers import PersonId

TIMEOUT_S = 10.0
PAUSE_S = 0.02
AGE = timedelta(hours=2)  # of what is pushed, so that a server whose clock is behind does not call it the future
ANSWER_EVERY = 3  # pushes between two answers to tips; prime to the number of people
TIPS = 1_000  # that each person was given


class Signed(NamedTuple):
    """A person and the cookie that they came in with."""

    person: PersonId
    sid: str


def tip_of(person: PersonId, number: int) -> str:
    """Return the name of a tip that a person was given."""
    return f"tip-{person[-4:]}-{number}"


class Load:
    """One client that never gives up, in a thread."""

    def __init__(self, port: int, ledger: Path, people: Sequence[Signed]) -> None:
        self.refused = 0  # answers other than success: what the system said while it could not
        self.dropped = 0  # connections that ended without an answer
        self._port = port
        self._people = people
        self._ledger = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._connection: http.client.HTTPConnection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oo-load", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End after the request that is under way."""
        self._stopping.set()
        self._thread.join()
        self._hang_up()
        os.close(self._ledger)

    def _run(self) -> None:
        for number in count():
            if self._stopping.is_set():
                return
            who = self._people[number % len(self._people)]
            self._push(who, number)
            if number % ANSWER_EVERY == 0 and number < len(self._people) * TIPS:
                self._answer(who, number)

    def _push(self, who: Signed, number: int) -> None:
        at = (datetime.now(UTC) - AGE).isoformat()
        items = [_task(f"{number}-{part}", number + part, at) for part in range(1 + number % 4)]
        verdicts = self._until_answered(who, "/api/signals", {"signals": items})
        if verdicts is not None:
            assert {verdict["status"] for verdict in verdicts} <= {"accepted", "duplicate"}, verdicts
            self._note("event", who, [verdict["id"] for verdict in verdicts])

    def _answer(self, who: Signed, number: int) -> None:
        decision = tip_of(who.person, number // len(self._people))
        answer = {"decision_id": decision, "kind": "done", "idempotency_key": f"key-{number}"}
        if self._until_answered(who, "/api/reactions", answer) is not None:
            self._note("reaction", who, [decision])

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _note(self, what: str, who: Signed, names: Sequence[str]) -> None:
        os.write(self._ledger, "".join(f"{what} {who.person}/{name}\n" for name in names).encode())
        os.fsync(self._ledger)

    def _until_answered(self, who: Signed, path: str, body: object) -> Any:
        """Return the answer's JSON; None when the load ends before there is one."""
        while not self._stopping.is_set():
            try:
                status, answer = self._request(who, path, json.dumps(body))
            except (OSError, http.client.HTTPException):
                self.dropped += 1
                self._hang_up()
            else:
                if status < http.client.BAD_REQUEST:
                    return answer
                assert status == http.client.SERVICE_UNAVAILABLE, f"{path} answered {status}: {answer}"
                self.refused += 1
            time.sleep(PAUSE_S)
        return None

    def _request(self, who: Signed, path: str, body: str) -> tuple[int, Any]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)
        headers = {"Cookie": f"sid={who.sid}", "Content-Type": "application/json"}
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())


def _task(name: str, number: int, at: str) -> dict[str, object]:
    data = {"task": f"task {number % 50}", "title": f"write letter {number % 50}", "state": "open", "priority": 1}
    return {"id": f"signal-{name}", "kind": "task_changed", "at": at, "source": "faults", "data": data}
