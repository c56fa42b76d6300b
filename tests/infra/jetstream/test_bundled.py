"""A store has one bundled server at a time."""

import os
import subprocess
import sys

import pytest

from data_contracts.errors import Conflict
from infra.jetstream.bundled import BundledServer, free_port, known_url


def test_a_second_server_on_one_store_is_refused_by_the_name_of_the_first(nats_server: BundledServer) -> None:
    """Started by us or as a process of its own; configuration and address of the first stay as they are."""
    home = nats_server.folder.parent
    before = (nats_server.folder / "server.conf").read_bytes()
    port = free_port()
    with pytest.raises(Conflict, match=rf"the mirror of {home} runs already, as process {os.getpid()} "):
        BundledServer(nats_server.folder, home / "keys", port=port).start()
    command = [sys.executable, "-m", "oo", "serve", "nats", "--port", str(port)]
    environment = os.environ | {"OO_HOME": str(home)}
    second = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert (second.returncode, second.stderr.startswith(f"oo: the mirror of {home} runs already")) == (1, True)
    assert (nats_server.folder / "server.conf").read_bytes() == before
    assert known_url(nats_server.folder) == nats_server.url
