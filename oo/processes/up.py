"""`oo up`: the page, the API, the stream and the scheduled flows, supervised until Ctrl-C.

The process that stays imports next to nothing: what a start needs is done by `oo.processes.home_setup`, which ends.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from data_contracts.errors import Unavailable
from infra.child_process import bound_to_parent
from infra.home.folder import named_home
from infra.storage.locks import RoleLock
from oo.processes.supervisor import Child, Supervisor
from oo.ui.output import note

READY_S = 60.0


class Wishes(NamedTuple):
    """What the command line said about this start."""

    port: int | None
    host: str | None
    person: str
    nats: bool


class Prepared(NamedTuple):
    """Where the page will be, the link that signs in there, and the mirror to start, if one is wanted."""

    host: str
    port: int
    url: str
    login_url: str
    qr_code: str
    nats_url: str | None
    nats_port: int | None
    nats_file: str | None


def supervisor_lock(home: Path) -> RoleLock:
    """Return the lock of the one `oo up` that a home may have."""
    return RoleLock(home / "locks" / "supervisor", f"`oo up` on {home}")


def run(
    *,
    port: int | None,
    host: str | None,
    person: str,
    flows: bool,
    nats: bool,
    prefect_page: bool = False,
    as_json: bool,
) -> None:
    """Prepare the home, start the processes, say where the page is, and stay until a signal comes.

    Raises `Conflict`, before anything is started, when another `oo up` has this home.
    """
    with supervisor_lock(named_home()).taken():
        _run(Wishes(port, host, person, nats), flows=flows, prefect_page=prefect_page, as_json=as_json)


def _run(wishes: Wishes, *, flows: bool, prefect_page: bool, as_json: bool) -> None:
    home = _prepared(wishes)
    environment: dict[str, str] = {}
    children: list[Child] = []
    if home.nats_url is not None:
        environment["NATS_URL"] = home.nats_url
        children.append(Child("nats", ["serve", "nats", "--port", str(home.nats_port)], environment))
    api = Child("api", ["serve", "api", "--host", home.host, "--port", str(home.port)], environment)
    children.append(api)
    if flows:
        # whatever OO_HOST says: its probes are for this machine
        command = ["serve", "worker", "--host", "127.0.0.1", "--port", "0"]
        children.append(Child("worker", [*command, *["--prefect-page"] * prefect_page], environment))
    supervisor = Supervisor(children)
    supervisor.start()
    try:
        if _ready(supervisor, api, f"http://{home.host}:{home.port}/ready"):
            _say(home, as_json=as_json)
    except BaseException:
        supervisor.stop()
        _forget_mirror(home)
        raise
    supervisor.run()
    _forget_mirror(home)


def _forget_mirror(home: Prepared) -> None:
    """Remove the address with the token of a server that has ended; a killed run's is replaced at the next start."""
    if home.nats_file is not None:
        with suppress(FileNotFoundError):
            os.unlink(home.nats_file)  # noqa: PTH108 - this process imports next to nothing


def _prepared(wishes: Wishes) -> Prepared:
    """Have the home made ready; a process that refuses has said why, and its exit code is ours."""
    command = bound_to_parent([sys.executable, "-m", "oo.processes.home_setup", json.dumps(wishes)])
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603 - our own command
    if done.returncode != 0:
        sys.exit(done.returncode)
    return Prepared(*json.loads(done.stdout))


def _say(home: Prepared, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"url": home.url, "login_url": home.login_url}), flush=True)
        return
    note(f"oO is at {home.url}\nSign in once, within ten minutes: {home.login_url}\n{home.qr_code}\nCtrl-C ends it.")


def _ready(supervisor: Supervisor, api: Child, url: str) -> bool:
    """Wait until the page answers; return false when a signal came first, raises `Unavailable` after a minute."""
    deadline = time.monotonic() + READY_S
    while not supervisor.ending:
        if time.monotonic() > deadline:
            raise Unavailable(f"the page did not answer at {url} within {READY_S:.0f} s")
        api.look()
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback or this home's own address
                return True
        except OSError:
            time.sleep(0.1)
    return False
