"""The servers beside the API: Prefect, its websockets, NATS, MLflow, the scorer; none does anything for a stranger."""

import base64
import json
import os
import socket
import time
from contextlib import closing
from pathlib import Path

from infra.network_addresses import free_port
from tests.attack.catalogue import Seen, attack
from tests.attack.clients import NOTHING, Answer, Raw, ask
from tests.attack.target import Server, Target, listening, tree, wait_until

EVIL = {"Origin": "https://evil.example"}
JSON = {"Content-Type": "application/json"}
OK = 200
NOW = b'{"state":{"type":"SCHEDULED"}}'
WITHIN_S = 120.0
REFUSED = {0, 400, 401, 403, 404}
WEBSOCKETS = ("/api/events/in", "/api/events/out", "/api/logs/out", "/api/task_runs/subscriptions/scheduled")


def _prefect(server: Server) -> int:
    """Return the port of the Prefect server below `oo up`."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [port for port, command in listening(tree(server.process.pid)).items() if "prefect" in command]
        found[:] = [port for port in found if ask(port, "GET", "/api/health").status == 200]
        return bool(found)

    assert wait_until(look, WITHIN_S), "there is no Prefect server"
    return found[0]


def _deployments(port: int, headers: dict[str, str]) -> Answer:
    return ask(port, "POST", "/api/deployments/filter", b"{}", headers)


@attack(
    "T6 T18",
    sent="from Origin https://evil.example, no credential, no content type: PATCH of a deployment's pull_steps to"
    " run_shell_script, then a run of it",
    must="401, and no file appears",
)
def remote_code_through_Prefect(target: Target) -> Seen:  # noqa: N802 - a name
    """What any page in the person's browser could do."""
    marker = target.folder / "marker"
    with target.up(target.home()) as server:
        port = _prefect(server)
        wait_until(lambda: len(_known(port)) > 0, 60)
        known = _known(port)
        identifier = known[0]["id"] if known else "00000000-0000-0000-0000-000000000000"
        steps = [{"prefect.deployments.steps.run_shell_script": {"script": f"touch {marker}"}}]
        patch = ask(port, "PATCH", f"/api/deployments/{identifier}", json.dumps({"pull_steps": steps}).encode(), EVIL)
        run = ask(port, "POST", f"/api/deployments/{identifier}/create_flow_run", NOW, EVIL)
        if patch.status not in REFUSED:
            wait_until(marker.exists, 90)
    held = patch.status in REFUSED and run.status in REFUSED and not known and not marker.exists()
    ran = "the script ran as the person" if marker.exists() else "no script ran"
    return Seen(f"list {'given' if known else 'refused'}, PATCH {patch.status}, run {run.status}; {ran}", held)


def _known(port: int) -> list[dict[str, str]]:
    answer = _deployments(port, EVIL)
    found: list[dict[str, str]] = answer.data if answer.status == 200 else []
    return found


@attack(
    "T18",
    sent="to every listening socket of `oo up --nats`: requests with Host evil.example and without a credential",
    must="only probes and pages answer",
)
def strangers_at_every_socket(target: Target) -> Seen:
    """Each socket of the process tree is on loopback, and gives a stranger nothing."""
    paths = ("/api/admin/version", "/api/flows/filter", "/flow_run/set_state", "/score", "/api/session")
    with target.up(target.home(), "--nats") as server:
        _prefect(server)
        time.sleep(5)  # the runner's own socket
        given, ports = [], listening(tree(server.process.pid))
        for port in ports:
            if port == server.port:
                continue
            for path in paths:
                for method in ("GET", "POST"):
                    answer = ask(port, method, path, b"{}" if method == "POST" else None, {"Host": "evil.example"}, 5)
                    if answer.status < 400 and answer is not NOTHING and answer.status:
                        given.append(f"{method} {path} {answer.status}")
    return Seen(f"{len(ports)} sockets; answered: {', '.join(sorted(set(given))) or 'nothing'}", not given)


@attack("T6", sent="websocket handshakes of Prefect without a credential", must="no stream opens")
def websockets_of_Prefect(target: Target) -> Seen:  # noqa: N802 - a name
    """Events and logs stream over them."""
    with target.up(target.home()) as server:
        port = _prefect(server)
        opened = [path for path in WEBSOCKETS if _websocket(port, path)]
    return Seen(f"{len(WEBSOCKETS)} tried, {len(opened)} opened {' '.join(opened)}".strip(), not opened)


def _websocket(port: int, path: str) -> bool:
    """Return whether a websocket opens and stays open for somebody with a wrong credential."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: prefect\r\n"
        "Origin: https://evil.example\r\n\r\n"
    )
    with Raw(port) as raw:
        raw.send(head.encode())
        answer = raw.socket.recv(4_096)
        if b" 101 " not in answer.partition(b"\r\n")[0]:
            return False
        raw.send(_frame(json.dumps({"type": "auth", "token": "guess:guess"}).encode()))
        raw.send(_frame(json.dumps({"type": "filter", "filter": {}}).encode()))
        raw.socket.settimeout(3)
        said = answer.partition(b"\r\n\r\n")[2]
        try:
            while more := raw.socket.recv(4_096):
                said += more
        except TimeoutError:
            return b"auth_failure" not in said  # it is still open
        except OSError:
            return False
        return b"auth_success" in said


def _frame(text: bytes) -> bytes:
    """Return a masked text frame of fewer than 126 bytes."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text


@attack("T6", sent="CONNECT without and with a wrong token to nats-server", must="an authorization error")
def stranger_at_NATS(target: Target) -> Seen:  # noqa: N802 - a name
    """The mirror holds every event."""
    with target.up(target.home(), "--nats", "--no-flows") as server:
        ports = [port for port, command in listening(tree(server.process.pid)).items() if "nats" in command]
        said = [_nats(ports[0], options) for options in ("{}", '{"auth_token":"guess"}')]
    refused = all("Authorization Violation" in one for one in said)
    return Seen("refused twice" if refused else f"answered {said}", refused)


def _nats(port: int, options: str) -> str:
    with closing(socket.create_connection(("127.0.0.1", port), timeout=10)) as connection:
        connection.recv(4_096)
        connection.sendall(f"CONNECT {options}\r\nPING\r\n".encode())
        connection.settimeout(5)
        return connection.recv(4_096).decode()


@attack("T6 T14", sent="POST /score without and with a wrong credential", must="401 or 403")
def stranger_at_the_scorer(target: Target) -> Seen:
    """It answers the API's service credential only."""
    body = json.dumps({"person": "0" * 32, "trigger": "open"}).encode()
    head = {"Content-Type": "application/json"}
    with target.serving(target.home(), "scorer") as server:
        statuses = [
            ask(server.port, "POST", "/score", body, head | more).status
            for more in ({}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic Z3Vlc3M6Z3Vlc3M="})
        ]
    return Seen(f"answered {statuses}", all(status in {401, 403} for status in statuses))


@attack(
    "T6", sent="reads and writes to the MLflow server of the compose profile, without a credential", must="401 or 403"
)
def stranger_at_MLflow(target: Target) -> Seen:  # noqa: N802 - a name
    """Whoever writes there names the policies that decide."""
    calls = (
        ("POST", "/api/2.0/mlflow/experiments/create", b'{"name":"evil"}'),
        ("POST", "/api/2.0/mlflow/experiments/search", b'{"max_results":5}'),
        ("GET", "/api/2.0/mlflow/registered-models/search", None),
        ("GET", "/ajax-api/2.0/mlflow/experiments/search?max_results=5", None),
    )
    home, port = target.home(), free_port()
    own = [target.python, "-m", "oo", "serve", "mlflow", "--port", str(port)]
    plain = [str(Path(target.python).with_name("mlflow")), "server", "--host", "127.0.0.1", "--port", str(port)]
    plain += ["--backend-store-uri", f"sqlite:///{home}/mlflow/mlflow.db"]
    guarded = target.oo(home, "serve", "mlflow", "--help").returncode == 0  # what older versions started has no guard
    with target.running(home, own if guarded else plain):
        assert wait_until(lambda: ask(port, "GET", "/health", timeout_s=5).status == OK, WITHIN_S)
        statuses = [ask(port, method, path, body, JSON | EVIL).status for method, path, body in calls]
    return Seen(f"answered {statuses}", all(status in {401, 403} for status in statuses))
