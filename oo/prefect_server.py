"""One Prefect server per home: started here unless `PREFECT_API_URL` names one, and reached by everybody through it."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from data_contracts.errors import Unavailable
from infra.tethered import tethered

START_S = 90.0
STOP_S = 15.0
TICK_S = 0.1
QUIET = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_UI_ENABLED": "true",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # a client that finds no server must say so, not start one
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # flows/timekeeper.py asks for what is due
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",  # renames a run that waits for its turn
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",  # watches the workers of work pools, and there are none
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",  # automations, and there are none
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}


class PrefectServer:
    """The server of a home; it starts while other work goes on, and `ready` waits for it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Begin to start, unless `PREFECT_API_URL` names a server."""
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        if os.environ.get("PREFECT_API_URL"):
            return self
        self._home.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ["PREFECT_HOME"] = str(self._home)
        port = _free_port()
        self._address = f"http://127.0.0.1:{port}/api"
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
        with (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                tethered(command), stdout=log, stderr=log, start_new_session=True
            )
        os.environ["PREFECT_API_URL"] = self._address
        return self

    def ready(self) -> None:
        """Wait until the server answers; raises `Unavailable` when it does not in time."""
        if self._process is not None:
            _wait(f"{self._address}/health", self._process)

    def __exit__(self, *_: object) -> None:
        """End the server when it is ours."""
        if self._process is None:
            return
        os.environ.pop("PREFECT_API_URL", None)
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise Unavailable(f"the Prefect server ended with exit code {server.returncode}; see prefect/server.log")
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(TICK_S)
    raise Unavailable(f"the Prefect server did not answer within {START_S:.0f} s; see prefect/server.log")
