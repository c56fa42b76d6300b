"""Prepares a home for `oo up` in a process of its own: `python -m oo.processes.home_setup WISHES`."""

import json
import socket
import sys

from data_contracts.errors import Unavailable
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.identifiers import PersonId
from infra.settings import Settings
from oo.actions.champions import ensure_champion
from oo.actions.erasure import finish_erasures
from oo.processes.mirror import bundled
from oo.processes.up import Prepared, Wishes
from oo.runtime import Runtime, refuse_sandbox
from oo.ui.cli_errors import refusing
from oo.ui.output import note
from oo.ui.sign_in_link import login_url, qr_code


def make_ready(wishes: Wishes) -> Prepared:
    """Finish erasures, add the person, see to a first champion, make a link.

    Raises `Unavailable` for a taken port, and `DamagedStore` for a home that is damaged or does not belong together.
    """
    given = Settings()
    refuse_sandbox(given)
    host = given.host if wishes.host is None else wishes.host
    port = _port(host, given.port if wishes.port is None else wishes.port)
    settings = given.model_copy(update={"host": host, "port": port})
    mirror = bundled(settings) if wishes.nats else None
    with Runtime(settings) as runtime:
        runtime.database.check()  # before anything is written
        finish_erasures(runtime)
        row = runtime.people.settle_in(wishes.person, role="admin")
        if ensure_champion(runtime) is not None:
            note("The first champion was trained on simulated people and is labelled so.")
        link = login_url(runtime, PersonId(row.person), settings.url)
        if runtime.people.undecided(PersonId(row.person)) >= set(CONSENT_SIGNALS) - {Source.TIPS}:
            note("oO knows nothing about you yet; `oo import calendar.ics tasks.csv` in another terminal changes that.")
    prepared = Prepared(host, port, settings.url, link, qr_code(link), None, None, None)
    if mirror is None:
        return prepared
    return prepared._replace(nats_url=mirror.url, nats_port=mirror.port, nats_file=str(mirror.folder / "url"))


def _port(host: str, port: int) -> int:
    """Return the port to use; raises `Unavailable` when somebody else listens there."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Unavailable(f"{host}:{port} is taken; `oo up --port 0` picks a free one") from error
        return int(probe.getsockname()[1])


def main() -> None:
    """Prepare what the one argument wishes for, and print what came of it for the process that asked."""
    with refusing():
        print(json.dumps(make_ready(Wishes(*json.loads(sys.argv[1])))))


if __name__ == "__main__":
    main()
