"""One Prefect server per home: started here unless `PREFECT_API_URL` names one.

A client of a Prefect server can make its worker run any command. So the server that is started here wants a
random credential, made anew at each start; it lies in `prefect/credential` of the home while the server runs.
"""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from data_contracts.errors import Unavailable
from infra.child_process import bound_to_parent
from infra.service_credentials import USER, new_secret
from infra.storage.files import make_private_folder, replace
from oo.ui.output import note

START_S = 180.0
STOP_S = 15.0
TICK_S = 0.1
CREDENTIAL = "PREFECT_SERVER_API_AUTH_STRING"
QUIET = {
    "DO_NOT_TRACK": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # flows/schedule/timekeeper.py asks for what is due
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",  # renames a run that waits for its turn
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",  # watches the workers of work pools, and there are none
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",  # automations, and there are none
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
# set whatever the shell says: each would open a socket that asks for no credential
CLOSED = {
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",  # a client that finds no server must say so, not start one
    "PREFECT_RUNNER_SERVER_ENABLE": "false",
    "PREFECT_CLIENT_METRICS_ENABLED": "false",
}
# what the shell says about the API and the page of a server never reaches the one that is started here
OF_A_SERVER = (
    *("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_API_KEY"),
    *("PREFECT_SERVER_API_", "PREFECT_SERVER_CORS_", "PREFECT_SERVER_CSRF_", "PREFECT_SERVER_UI_", "PREFECT_UI_"),
)


class PrefectServer:
    """The server of a home; it starts while other work goes on, and `ready` waits for it."""

    def __init__(self, home: Path, *, page: bool = False) -> None:
        self._home = home
        self._page = page
        self._address = ""
        self._credential = ""
        self._before: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def credential_file(self) -> Path:
        """Where the credential lies while the server runs: `user:password`, readable by its owner only."""
        return self._home / "credential"

    def __enter__(self) -> Self:
        """Begin to start, unless `PREFECT_API_URL` names a server, whose credential is then the person's matter."""
        self._before = _prefect_variables()
        be_quiet()
        if not os.environ.get("PREFECT_API_URL"):
            self._start()
        return self

    def ready(self) -> None:
        """Wait until the server answers; raises `Unavailable` when it does not in time."""
        if self._process is None:
            return
        _wait(f"{self._address}/health", self._process)
        if self._page:
            note(f"Prefect's page is at {self._address}/ and asks for what is in {self.credential_file}")

    def __exit__(self, *_: object) -> None:
        """End the server when it is ours, and take its credential away."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._forget_credential()
        for name in _prefect_variables():
            del os.environ[name]
        os.environ.update(self._before)
        be_quiet()

    def _start(self) -> None:
        """Start the server on a socket that is bound here: no other process can take the port before it listens."""
        make_private_folder(self._home)
        listener = socket.create_server(("127.0.0.1", 0))
        self._address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._credential = f"{USER}:{new_secret()}"
        replace(self.credential_file, self._credential.encode())
        describe_server(self._home, self._address, self._credential, page=self._page)
        command = [sys.executable, "-m", "oo", "serve", "prefect", "--fd", str(listener.fileno())]
        if self._page:
            command.append("--page")
        with listener, (self._home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                bound_to_parent(command), stdout=log, stderr=log, start_new_session=True, pass_fds=[listener.fileno()]
            )

    def _forget_credential(self) -> None:
        """Remove the file, unless a server that was started later has put its own there."""
        try:
            kept = self.credential_file.read_bytes()
        except FileNotFoundError:
            return
        if secrets.compare_digest(kept, self._credential.encode()):
            self.credential_file.unlink(missing_ok=True)


def describe_server(home: Path, address: str, credential: str, *, page: bool) -> None:
    """Tell this process and those that it starts about a server of ours; the shell's words about one are removed."""
    for name in _prefect_variables():
        if name.upper().startswith(OF_A_SERVER):
            del os.environ[name]
    _set_variables(
        {
            **CLOSED,
            "PREFECT_HOME": str(home),
            CREDENTIAL: credential,
            "PREFECT_API_AUTH_STRING": credential,
            "PREFECT_API_URL": f"{address}/api",
            "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": address,
            "PREFECT_SERVER_UI_ENABLED": str(page).lower(),
            "PREFECT_SERVER_UI_API_URL": f"{address}/api",
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(home / "page"),
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        }
    )


def be_quiet() -> None:
    """Set what Prefect does not do here unless the person wants it, and what it never does."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    _set_variables(CLOSED)


def _set_variables(variables: Mapping[str, str]) -> None:
    """Set variables for good: Prefect reads names in any case, so no other spelling of one of these stays."""
    for name in _prefect_variables():
        if name.upper() in variables:
            del os.environ[name]
    os.environ.update(variables)


def _prefect_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.upper().startswith("PREFECT_")}


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
