"""`oo up`: the page, the API, the stream and the scheduled flows, supervised until Ctrl-C."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from typing import Any

from data_contracts.errors import Unavailable
from data_contracts.identifiers import PersonId
from infra.database import policies
from infra.settings import Settings
from infra.tethered import tethered
from oo.erasure import finish_erasures
from oo.household import Household
from oo.mirroring import bundled
from oo.output import note
from oo.sign_in import login_url, qr_code
from oo.supervisor import Child, Supervisor

READY_S = 60.0


def run(*, port: int | None, host: str | None, person: str, flows: bool, nats: bool, as_json: bool) -> None:
    """Prepare the home, start the processes, say where the page is, and stay until a signal comes."""
    wanted = {"port": port, "host": host}
    settings = Settings().model_copy(update={name: value for name, value in wanted.items() if value is not None})
    settings = settings.model_copy(update={"port": _port(settings)})
    with Household(settings) as household:
        finish_erasures(household)
        row = household.settle_in(person, role="admin")
        _first_champion(household)
    environment: dict[str, str] = {}
    children: list[Child] = []
    if nats:
        server = bundled(settings)
        environment["NATS_URL"] = server.url
        children.append(Child("nats", ["serve", "nats", "--port", str(server.port)]))
    api = Child("api", ["serve", "api", "--host", settings.host, "--port", str(settings.port)], environment)
    children.append(api)
    if flows:
        children.append(Child("worker", ["serve", "worker", "--port", "0"], environment))
    supervisor = Supervisor(children)
    supervisor.start()
    try:
        if _ready(supervisor, api, f"http://{settings.host}:{settings.port}/ready"):
            with Household(settings) as household:
                link = login_url(household, PersonId(row.person), settings.url)
            _say(settings.url, link, as_json=as_json)
    except BaseException:
        supervisor.stop()
        raise
    supervisor.run()


def _first_champion(household: Household) -> None:
    """Have the first policy trained where there is none; raises `Unavailable` when that fails."""
    with household.database.read() as session:
        if policies.champion(session).digest is not None:
            return
    command = tethered([sys.executable, "-m", "oo.champions"])
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:  # noqa: S603 - our own command
        raise Unavailable("the first policy could not be trained; what happened is said above")
    note("The first champion was trained on simulated people and is labelled so.")


def _say(url: str, link: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"url": url, "login_url": link}), flush=True)
        return
    note(f"oO is at {url}\nSign in once, within ten minutes: {link}\n{qr_code(link)}\nCtrl-C ends it.")


def _port(settings: Settings) -> int:
    """Return the port to use; raises `Unavailable` when somebody else listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(f"{settings.host}:{settings.port} is taken; `oo up --port 0` picks a free one") from error
        port: Any = probe.getsockname()[1]
    return int(port)


def _ready(supervisor: Supervisor, api: Child, url: str) -> bool:
    """Wait until the page answers; return false when a signal came first, raises `Unavailable` after a minute."""
    deadline = time.monotonic() + READY_S
    while not supervisor.ending:
        if time.monotonic() > deadline:
            raise Unavailable(f"the page did not answer at {url} within {READY_S:.0f} s")
        api.look()
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback or the household's own address
                return True
        except OSError:
            time.sleep(0.1)
    return False
