"""The very commands that the compose file names start on a fresh home, answer on /health, and stop when asked."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from tests.infra_deploy.compose import own_commands
from tests.source_tree import CHECKOUT

PATIENCE_S = 180
STOPPING_S = 30


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process as a supervisor does: a request first, so that it can end what it started itself."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout=STOPPING_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def started(command: list[str], home: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command of the compose file on loopback until the end of the block."""
    environment = os.environ | {"OO_HOME": str(home), "OO_HOST": "127.0.0.1", "OO_PORT": str(port)}
    executable = str(Path(sys.executable).with_name(command[0]))
    log = home / "process.log"
    with log.open("wb") as output:
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


def health(process: subprocess.Popen[bytes], port: int, log: Path) -> dict[str, object]:
    """Return the first good answer of /health; a process that gives none is shown with its own words."""
    deadline, last = time.monotonic() + PATIENCE_S, "no answer"
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                body: dict[str, object] = json.load(answer)
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


@pytest.mark.processes
@pytest.mark.parametrize("service", own_commands())
def test_a_process_of_the_deployment_starts_answers_and_stops(service: str, home: Path) -> None:
    """On an empty home the command comes up, says how it is, and ends on SIGTERM with all that it started."""
    port = free_port()
    with started(own_commands()[service], home, port) as process:
        assert health(process, port, home / "process.log")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=STOPPING_S) in (0, -signal.SIGTERM)
    assert survivors(home) == []
