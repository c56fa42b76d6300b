"""The very commands that the compose file names start on a fresh home, answer on /health, and stop when asked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from infra.credential_check import basic
from infra.network_addresses import free_port
from tests.infra_deploy.compose import own_commands
from tests.source_tree import CHECKOUT

PATIENCE_S = 180
# service -> the file of its secret, how it is sent, and a request with the status that it has with the secret
GUARDED = {
    "scorer": ("scorer.credential", "Bearer", "POST", "/score", 422),
    "registry": ("mlflow.credential", "Basic", "POST", "/api/2.0/mlflow/experiments/search", 400),
    "scheduler": ("prefect.credential", "Basic", "POST", "/api/flows/filter", 200),
}
STOPPING_S = 30


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process as a supervisor does: a request first, so that it can end what it started itself."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=STOPPING_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def log_of(home: Path, port: int) -> Path:
    """Return where the process with this port writes its words."""
    return home / f"process-{port}.log"


@contextmanager
def started(command: list[str], home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the compose file on loopback until the end of the block."""
    environment = os.environ | {"OO_HOME": str(home), "OO_HOST": "127.0.0.1", "OO_PORT": str(port)}
    executable = str(Path(sys.executable).with_name(command[0]))
    with log_of(home, port).open("wb") as output:
        process = subprocess.Popen(
            [executable, *command[1:]],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            stop(process)


def health(process: subprocess.Popen[bytes], port: int, log: Path) -> bytes:
    """Return the first good answer of /health; a process that gives none is shown with its own words."""
    deadline, last = time.monotonic() + PATIENCE_S, "no answer"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                body: bytes = answer.read()
                return body
        except HTTPError as refusal:
            last = f"{refusal.code} {refusal.read().decode(errors='replace')}"
        except (URLError, ConnectionError, TimeoutError) as error:
            last = str(error)
        time.sleep(0.2)
    words = log.read_text(encoding="utf-8", errors="replace")[-4000:]
    raise AssertionError(f"/health of a process with exit {process.poll()} said: {last}\n{words}")


def survivors(home: Path) -> list[str]:
    """Return the commands that still run for a home, as far as this system shows the environment of a process."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        # processes come and go while one looks
        with suppress(OSError):
            if f"OO_HOME={home}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


def answer(method: str, url: str, authorization: str | None = None, host: str = "127.0.0.1") -> int:
    """Return the status of a request with a JSON body."""
    headers = {"content-type": "application/json", "host": host}
    request = Request(url, b"{}", headers, method=method)  # noqa: S310 - loopback
    if authorization is not None:
        request.add_header("authorization", authorization)
    try:
        with urlopen(request, timeout=PATIENCE_S) as response:  # noqa: S310 - loopback
            status: int = response.status
            return status
    except HTTPError as refusal:
        with refusal:
            return refusal.code


def assert_guarded(service: str, port: int, home: Path) -> None:
    """Assert that a service answers to the secret among the keys of the home, and to nothing else."""
    file, scheme, method, path, status = GUARDED[service]
    url = f"http://127.0.0.1:{port}{path}"
    secret = (home / "keys" / file).read_text()
    assert (home / "keys" / file).stat().st_mode & 0o777 == 0o600
    good = f"Bearer {secret}" if scheme == "Bearer" else basic(f"oo:{secret}")
    wrong = ("Bearer x", basic("oo:oo"), f"Bearer {secret[:-1]}", basic(f"oo:{secret[:-1]}"))
    assert [answer(method, url, each) for each in (None, *wrong)] == [401] * 5
    assert answer(method, url, good) == status
    assert scheme == "Bearer" or answer(method, url, good, host="evil.example") == 400


@pytest.mark.processes
@pytest.mark.parametrize("service", own_commands())
def test_a_process_of_the_deployment_starts_answers_and_stops(service: str, home: Path) -> None:
    """On an empty home the command comes up, says how it is, and ends on SIGTERM with all that it started."""
    port = free_port()
    with started(own_commands()[service], home, port) as process:
        assert health(process, port, log_of(home, port))
        if service in GUARDED:
            assert_guarded(service, port, home)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOPPING_S) in (0, -signal.SIGTERM)
    assert survivors(home) == []


@pytest.mark.processes
def test_the_processes_of_core_share_one_home(home: Path) -> None:
    """The api, the stream and the worker run on one home at once; no lock of one keeps the others out."""
    with ExitStack() as stack:
        for service in ("api", "stream", "worker"):  # the api makes the home, as the compose file has it
            port = free_port()
            process = stack.enter_context(started(own_commands()[service], home, port))
            assert health(process, port, log_of(home, port))
        assert len([command for command in survivors(home) if "serve" in command]) >= len(("api", "stream", "worker"))
    assert survivors(home) == []
