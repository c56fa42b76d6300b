"""Generated cases: requests made of the contract, and bytes that are no requests."""

import json
import random
import time
from collections import Counter
from importlib import import_module
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, seed, settings

from tests.attack.catalogue import Seen, attack
from tests.attack.clients import Raw, Witness, ask
from tests.attack.target import Target

CASES_EACH = 130  # of each operation
RAW_CASES = 1_000
SEED = 20_260_301
ENDLESS = "/api/admin/events/stream"
SKIPPED = {"sign_out"}  # would end the session of all further cases
LIMIT_S = 300.0
HEADS = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b'POST /api/signals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"a":[1]}',
)
SMUGGLING = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x",
    b"POST /api/signals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    b"POST /api/signals HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST /api/signals HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /api/signals HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"GET /%00%ff%2e%2e/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
)


@attack(
    "R26",
    sent="thousands of requests generated from the OpenAPI contract, signed in",
    must="no 5xx but a deliberate 503",
)
def generated_API_cases(target: Target) -> Seen:  # noqa: N802 - a name
    """Made by schemathesis: right bodies and wrong ones, for each operation."""
    schemathesis: Any = import_module("schemathesis")  # paid only by who asks for it
    server, until = target.shared(), time.monotonic() + LIMIT_S
    contract = ask(server.port, "GET", "/api/openapi.json").data
    schema: Any = schemathesis.openapi.from_dict(contract)
    statuses: Counter[int] = Counter()
    failed: set[str] = set()

    def run(operation: Any, mode: Any) -> None:
        @seed(SEED)
        @settings(
            max_examples=CASES_EACH // 2,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            assume(time.monotonic() < until)
            case.headers = {**(case.headers or {}), "Cookie": f"sid={server.sid}"}
            answer = case.call(base_url=f"http://127.0.0.1:{server.port}", timeout=20, allow_redirects=False)
            statuses[answer.status_code] += 1
            if answer.status_code >= 500 and answer.status_code != 503:
                failed.add(operation.label)

        send()

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.definition.raw.get("operationId") in SKIPPED or operation.path == ENDLESS:
            continue
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            try:
                run(operation, mode)
            except Exception as error:  # an operation without such cases cannot be attacked so
                if type(error).__name__ not in {"Unsatisfiable", "SkipTest"}:
                    raise
    text = f"{statuses.total()} cases: {dict(sorted(statuses.items()))}"
    return Seen(
        f"{text}{'; failing: ' + ', '.join(sorted(failed)) if failed else ''}", not failed and statuses.total() > 1_000
    )


@attack(
    "R26",
    sent=f"{RAW_CASES:,} requests with flipped, doubled, cut and foreign bytes, and ten that smuggle",
    must="no 5xx, nobody hangs",
)
def raw_garbage(target: Target) -> Seen:
    """Bytes that no client sends."""
    server = target.shared()
    chance = random.Random(SEED)  # noqa: S311 - cases, no secrets
    statuses: Counter[int] = Counter()
    with Witness(server.port, server.sid) as witness:
        for number in range(RAW_CASES):
            case = SMUGGLING[number] if number < len(SMUGGLING) else _mutated(chance, HEADS[number % 2])
            with Raw(server.port, 5) as raw:
                raw.send(case)
                raw.socket.shutdown(1)
                statuses[raw.status(5)] += 1
    failures = {status: count for status, count in statuses.items() if status >= 500}
    return Seen(
        f"{statuses.total()} cases: {json.dumps(dict(sorted(statuses.items())))}; {witness}",
        not failures and witness.well,
    )


def _mutated(chance: random.Random, request: bytes) -> bytes:
    """Return a request with some of its bytes changed, doubled, cut or taken for others."""
    case = bytearray(request)
    for _ in range(chance.randint(1, 6)):
        where = chance.randrange(len(case))
        match chance.randrange(5):
            case 0:
                case[where] ^= 1 << chance.randrange(8)
            case 1:
                case[where:where] = chance.randbytes(chance.randint(1, 20))
            case 2:
                del case[where : where + chance.randint(1, 9)]
            case 3:
                case[where:where] = case[where : where + 30] * chance.randint(1, 30)
            case _:
                case[where:where] = chance.choice(
                    [b"\0", b"\r\n", b"\r\n\r\n", b":", b"\xff\xfe", b"Transfer-Encoding: chunked\r\n"]
                )
        if not case:
            break
    return bytes(case) or b"\0"
