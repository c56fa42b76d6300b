"""The bundled server: one for a store, a token for each start, in no file of the store, and no other port."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from data_contracts.errors import Conflict
from infra.mirror.jetstream.bundled_server import BundledServer, known_url, new_url
from infra.network_addresses import free_port
from tests.listening import listeners


def refused(url: str) -> bool:
    """Return whether the server refuses who comes with this address; spoken by hand, as a stranger would."""
    told = urlsplit(url)
    with socket.create_connection((told.hostname or "", told.port or 0), timeout=30) as session:
        lines = session.makefile("rb")
        assert lines.readline().startswith(b"INFO ")
        session.sendall(b"CONNECT " + json.dumps({"verbose": True, "auth_token": told.username}).encode() + b"\r\n")
        answer = lines.readline()
    assert answer.startswith((b"+OK", b"-ERR 'Authorization Violation'"))
    return answer.startswith(b"-ERR")


def test_the_mirror_answers_only_to_the_token_of_its_start(tmp_path: Path) -> None:
    """Nobody, who has an older token, and who has another start's is refused; its one socket is on loopback."""
    folder, keys, port = tmp_path / "nats", tmp_path / "keys", free_port()
    keys.mkdir(mode=0o700)
    (keys / "jetstream.token").write_text("kept-for-ever")
    with BundledServer(folder, keys, port=port) as server:
        assert not refused(server.url)
        for url in (f"nats://127.0.0.1:{port}", f"nats://kept-for-ever@127.0.0.1:{port}", new_url(port)):
            assert refused(url)
        assert server.process is not None
        assert [(one.address, one.port) for one in listeners([server.process.pid])] == [("127.0.0.1", port)]
        assert known_url(folder) == server.url
        assert stat.S_IMODE((folder / "url").stat().st_mode) == 0o600
        token = server.url.partition("//")[2].partition("@")[0]
        files = [file for file in tmp_path.rglob("*") if file.is_file() and file.name != "url"]
        assert [file for file in files if token.encode() in file.read_bytes()] == []
        first = server.url
    assert (known_url(folder), (keys / "jetstream.token").exists()) == (None, False)
    with BundledServer(folder, keys, port=port) as server:
        assert server.url != first
        assert refused(first)


@pytest.mark.parametrize("told", [True, False])
def test_clients_find_a_server_that_starts_again(tmp_path: Path, *, told: bool) -> None:
    """A restart of one run keeps the address that everybody was told."""
    port = free_port()
    url = new_url(port) if told else None
    server = BundledServer(tmp_path / "nats", tmp_path / "keys", port=port, url=url)
    for _ in range(2):
        with server:
            assert not refused(url or server.url)
            assert known_url(tmp_path / "nats") == server.url


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
