"""`oo up` as the process that a person starts: it says where it is, mends what dies, and leaves nothing behind."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from data_contracts.errors import Unavailable
from flows.schedule.deployments import DEPLOYMENTS
from infra.credential_check import basic
from infra.storage.locks import RoleLock
from oo.ui.api_client import ApiClient
from tests.infra_deploy.compose import own_commands
from tests.infra_deploy.test_processes import PATIENCE_S, survivors
from tests.listening import Listener, counted, descendants, expected, listed, listeners
from tests.oo.command_line import CommandLine
from tests.source_tree import CHECKOUT

pytestmark = pytest.mark.processes
ENDING_S = 30


@contextmanager
def up(home: Path, *options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run `oo up` in a home until the end of the block, in a folder whose files are called like modules."""
    elsewhere = home.with_name("elsewhere")
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "api.py").write_text("raise SystemExit('the wrong api')")
    command = [sys.executable, "-P", "-m", "oo", "up", "--json", "--port", "0", *options]
    environment = os.environ | {"OO_HOME": str(home)} | variables
    with (home / "up.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=elsewhere, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=ENDING_S)


def said(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return the one line that it prints when it is ready."""
    assert process.stdout is not None
    words: dict[str, str] = json.loads(process.stdout.readline())
    return words


def api_of(process: subprocess.Popen[str]) -> int:
    """Return the process id of the api child."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if parent == str(process.pid) and b"api" in (folder / "cmdline").read_bytes():
                return int(folder.name)
    pytest.fail("there is no api process")


def tip_again(client: ApiClient) -> object:
    """Ask until an answer comes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError):
            return client.post("/api/recommend")
        client.close()
        time.sleep(0.2)
    pytest.fail("nobody answered any more")


def test_up_signs_in_answers_mends_itself_and_ends_with_all_its_children(lived_in: Path) -> None:
    """The api is killed once and comes back with the session still valid; SIGTERM leaves no process."""
    with up(lived_in, "--no-flows", "--nats") as process:
        words = said(process)
        address = lived_in / "nats" / "url"
        assert address.stat().st_mode & 0o777 == 0o600
        assert set(words) == {"url", "login_url"}
        with urlopen(words["url"], timeout=10) as page:  # noqa: S310 - the address on loopback that it printed
            assert (page.status, page.headers.get_content_type()) == (200, "text/html")
        client = ApiClient(words["login_url"])
        with closing(ApiClient(words["login_url"])) as late, pytest.raises(Unavailable, match="401"):
            late.post("/api/recommend")  # the link was used
        first = client.post("/api/recommend")
        assert set(first) >= {"tip", "decision_id", "reason", "repeated", "fallback"}
        killed = api_of(process)
        os.kill(killed, signal.SIGKILL)
        assert tip_again(client) is not None
        assert api_of(process) != killed
        client.close()
        process.terminate()
        assert process.wait(ENDING_S) == 0
    assert survivors(lived_in) == []
    assert not address.exists()  # nor its token
    assert "starts again" in (lived_in / "up.log").read_text()


def test_up_opens_the_listed_sockets_and_leaves_no_process_when_it_is_killed(lived_in: Path) -> None:
    """SECURITY.md lists each socket, all are on loopback; after kill -9 the kernel ends everything that was started.

    Until then a second `oo up` is refused by the name of the first, before it starts anything; `oo tip` goes on.
    """
    with up(lived_in, "--nats", OO_HOST="127.0.0.1") as process:
        said(process)
        wait_until(lambda: {"api", "worker", "nats-server", "prefect"} <= running(lived_in))
        wanted = expected("oo up", "oo up --nats")
        wait_until(lambda: counted(sockets_of(process)) >= wanted)  # the runner's is the last
        found = sockets_of(process)
        assert counted(found) == wanted, found
        assert {one.address for one in found} == {"127.0.0.1"}
        for one in found:
            if one.process == "oo serve worker":
                assert not control_channel_answers(one.port)
        before = served(lived_in)
        with pytest.MonkeyPatch.context() as patch:
            oo = CommandLine(lived_in, patch)
            refused = oo("up", "--nats", "--port", "0")
            assert (refused.code, refused.out) == (1, "")
            assert refused.err.startswith(f"oo: `oo up` on {lived_in} runs already, as process {process.pid} (`oo up")
            assert served(lived_in) == before
            assert oo("tip").code == 0
        process.kill()
        process.wait()
        wait_until(lambda: survivors(lived_in) == [])
    with RoleLock(lived_in / "locks" / "supervisor", "`oo up`").taken():
        pass


def test_a_socket_that_is_not_listed_is_found(tmp_path: Path) -> None:
    """The reader can fail: TCP on both families, UDP and Unix sockets are seen, also those of a child."""
    script = (
        "import socket, sys, time\n"
        "a = socket.create_server(('127.0.0.1', 0)); b = socket.create_server(('::1', 0), family=socket.AF_INET6)\n"
        "c = socket.socket(type=socket.SOCK_DGRAM); c.bind(('127.0.0.1', 0))\n"
        f"d = socket.socket(socket.AF_UNIX); d.bind({str(tmp_path / 'socket')!r}); d.listen()\n"
        "print(flush=True); sys.stdin.read()"
    )
    shell = ["/bin/sh", "-c", '"$0" -c "$1"; :', sys.executable, script]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = listeners(descendants(process.pid))
        process.communicate(b"")
    assert [one.kind for one in found if one.kind != "tcp6"] == ["tcp", "udp", "unix"]
    assert "tcp6" in {one.kind for one in found}
    assert set(counted(found)).isdisjoint(expected("oo up", "oo up --nats"))


def test_the_list_names_tests_that_exist() -> None:
    """Each row says by which test it is held, and every process of the deployment has one."""
    rows = listed()
    assert {test for row in rows for test in row.tests if not (CHECKOUT / test).is_file()} == set()
    assert all(row.tests for row in rows)
    ours = {" ".join(command[:3]) for command in own_commands().values()}
    assert ours <= {row.process for row in rows}


def sockets_of(process: "subprocess.Popen[str]") -> list[Listener]:
    """Return what the processes of `oo up` listen on now."""
    return listeners(descendants(process.pid))


def control_channel_answers(port: int) -> bool:
    """Return whether a socket takes a stranger for a flow run: it would keep the connection to send it orders."""
    with socket.create_connection(("127.0.0.1", port), timeout=ENDING_S) as session:
        session.sendall(b"0" * 32 + b"\n")
        first = session.recv(64)
        return bool(first) and not first.startswith(b"HTTP/1.1 400")  # the other socket of the worker speaks HTTP


def served(home: Path) -> list[str]:
    """Return the processes of `oo serve` on a home."""
    return [command for command in survivors(home) if " oo serve " in command]


def running(home: Path) -> set[str]:
    """Return which of the processes run that `oo up` starts, itself or through the worker."""
    words = {Path(word).name for command in survivors(home) for word in command.split()}
    return words & {"api", "worker", "nats-server", "prefect"}


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait for what other processes bring about."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.1)


def test_a_taken_port_is_one_sentence(oo: CommandLine, capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is started and nothing waits."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = oo("up", "--port", port)
        served = oo("serve", "stream", "--port", port)
    assert (served.code, served.err.startswith(f"oo: 127.0.0.1:{port}: ")) == (1, True)
    assert (answer.code, answer.out, answer.err) == (1, "", "")
    # said by the process that prepares the home
    assert capfd.readouterr().err == f"oo: 127.0.0.1:{port} is taken; `oo up --port 0` picks a free one\n"


def completed_runs(home: Path) -> int:
    """Return how many scheduled runs the home's own Prefect server has seen through."""
    database = home / "prefect" / "prefect.db"
    if not database.exists():
        return 0
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as session,
        suppress(
            sqlite3.OperationalError  # the table is not there yet
        ),
    ):
        return int(session.execute("SELECT count(*) FROM flow_run WHERE state_type = 'COMPLETED'").fetchone()[0])
    return 0


def answer_of(port: int, method: str, path: str, credential: str | None, body: object = None) -> tuple[int, Any]:
    """Return status and JSON of a request; without a credential one that any page can make a browser send.

    Without a content type no preflight asks first, and Prefect takes the body for JSON.
    """
    if credential is None:
        headers = {"origin": "https://evil.example"}
    else:
        headers = {"authorization": basic(credential), "content-type": "application/json"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)) as connection:
        connection.request(method, f"/api{path}", json.dumps(body or {}), headers)
        answer = connection.getresponse()
        text = answer.read()
    return answer.status, json.loads(text) if text.startswith((b"{", b"[")) else None


def attack(process: "subprocess.Popen[str]", home: Path, marker: Path) -> set[int]:
    """Try to make the worker touch a file, as anybody on this machine and any page could; return the answers."""
    wanted = expected("oo up")
    # by then the runner has written its deployments, and does not overwrite what follows
    wait_until(lambda: counted(sockets_of(process)) >= wanted)
    (port,) = (one.port for one in sockets_of(process) if one.process == "oo serve prefect")
    credential = (home / "prefect" / "credential").read_text()
    wait_until(lambda: len(answer_of(port, "POST", "/deployments/filter", credential)[1] or ()) == len(DEPLOYMENTS))
    answers = {answer_of(port, "POST", "/deployments/filter", None)[0]}
    shell = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {marker}"}}
    for deployment in answer_of(port, "POST", "/deployments/filter", credential)[1]:
        for method, path, body in (
            ("PATCH", "", {"pull_steps": [shell]}),
            ("POST", "/create_flow_run", {"state": {"type": "SCHEDULED"}}),
        ):
            answers.add(answer_of(port, method, f"/deployments/{deployment['id']}{path}", None, body)[0])
    return answers


def test_scheduled_flows_run_unattended_on_one_server_inside_the_home(lived_in: Path, tmp_path: Path) -> None:
    """Nobody asks for a run; one is completed, by the one Prefect server, and the user's own home stays empty.

    Whoever has no credential cannot put a command of theirs into the runs.
    """
    user, marker = tmp_path / "user", tmp_path / "marker"
    user.mkdir()
    with up(lived_in, HOME=str(user)) as process:
        said(process)
        assert attack(process, lived_in, marker) == {401}
        deadline = time.monotonic() + PATIENCE_S
        while completed_runs(lived_in) == 0 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.5)
        servers = [
            command for command in survivors(lived_in) if "serve prefect" in command or "prefect.server" in command
        ]
        assert completed_runs(lived_in) > 0, (lived_in / "up.log").read_text()[-4_000:]
        assert len(servers) == 1
    assert list(user.iterdir()) == []
    assert survivors(lived_in) == []
    assert not marker.exists()
    assert not (lived_in / "prefect" / "credential").exists()
