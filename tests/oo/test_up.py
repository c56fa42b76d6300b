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
from pathlib import Path
from urllib.request import urlopen

import pytest

from data_contracts.errors import Unavailable
from oo.visitor import Visitor
from tests.infra_deploy.test_processes import PATIENCE_S, survivors
from tests.oo.command_line import CommandLine

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


def tip_again(visitor: Visitor) -> object:
    """Ask until an answer comes."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with suppress(OSError):
            return visitor.post("/api/recommend")
        visitor.close()
        time.sleep(0.2)
    pytest.fail("nobody answered any more")


def test_up_signs_in_answers_mends_itself_and_ends_with_all_its_children(lived_in: Path) -> None:
    """The api is killed once and comes back with the session still valid; SIGTERM leaves no process."""
    with up(lived_in, "--no-flows") as process:
        words = said(process)
        assert set(words) == {"url", "login_url"}
        with urlopen(words["url"], timeout=10) as page:  # noqa: S310 - the address on loopback that it printed
            assert (page.status, page.headers.get_content_type()) == (200, "text/html")
        visitor = Visitor(words["login_url"])
        with closing(Visitor(words["login_url"])) as late, pytest.raises(Unavailable, match="401"):
            late.post("/api/recommend")  # the link was used
        first = visitor.post("/api/recommend")
        assert set(first) >= {"tip", "decision_id", "reason", "repeated", "fallback"}
        killed = api_of(process)
        os.kill(killed, signal.SIGKILL)
        assert tip_again(visitor) is not None
        assert api_of(process) != killed
        visitor.close()
        process.terminate()
        assert process.wait(ENDING_S) == 0
    assert survivors(lived_in) == []
    assert "starts again" in (lived_in / "up.log").read_text()


def test_up_that_is_killed_leaves_no_process(lived_in: Path) -> None:
    """Kill -9 runs no line of ours; the kernel ends page, mirror, worker and the worker's server."""
    with up(lived_in, "--nats") as process:
        said(process)
        wait_until(lambda: {"api", "worker", "nats-server", "prefect"} <= running(lived_in))
        process.kill()
        process.wait()
        wait_until(lambda: survivors(lived_in) == [])


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


def test_scheduled_flows_run_unattended_on_one_server_inside_the_home(lived_in: Path, tmp_path: Path) -> None:
    """Nobody asks for a run; one is completed, by the one Prefect server, and the user's own home stays empty."""
    user = tmp_path / "user"
    user.mkdir()
    with up(lived_in, HOME=str(user)) as process:
        said(process)
        deadline = time.monotonic() + PATIENCE_S
        while completed_runs(lived_in) == 0 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.5)
        servers = [
            command for command in survivors(lived_in) if "prefect server" in command or "prefect.server" in command
        ]
        assert completed_runs(lived_in) > 0, (lived_in / "up.log").read_text()[-4_000:]
        assert len(servers) == 1
    assert list(user.iterdir()) == []
    assert survivors(lived_in) == []
