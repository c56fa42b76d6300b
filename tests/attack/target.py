"""The system under attack: homes and the real processes on them, started by the commands that a person would use."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

from infra.network_addresses import free_port
from tests.source_tree import CHECKOUT

START_S = 240.0
END_S = 40.0
UNAVAILABLE = 503
ADMIN_TOKEN = "attack-" + "0123456789abcdef" * 3
FOREIGN = ("OO_", "PREFECT_", "MLFLOW_", "NATS_URL", "ADMIN_TOKEN", "FORWARDED_ALLOW_IPS")


def wait_until(holds: Callable[[], bool], within_s: float) -> bool:
    """Wait for what other processes bring about; return whether it came."""
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def tree(root: int) -> list[int]:
    """Return a process and all below it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting.extend(parents.get(found[-1], ()))
    return found


def command_of(pid: int) -> str:
    """Return the command line of a process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _environment_of(pid: int) -> bytes:
    """Return what a process was started with, by which ours are known; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def listening(pids: list[int]) -> dict[int, str]:
    """Return the TCP ports that some processes listen on, each with the command that does."""
    inodes: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A":
                inodes[f"socket:[{words[9]}]"] = int(words[1].rpartition(":")[2], 16)
    found: dict[int, str] = {}
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                port = inodes.get(str(descriptor.readlink()))
            except OSError:
                continue
            if port is not None:
                found.setdefault(port, command_of(pid))
    return found


@dataclass
class Server:
    """A running command that listens."""

    home: Path
    port: int
    process: "subprocess.Popen[str]"
    log: Path
    login_url: str = ""
    sid: str = ""

    @property
    def pid(self) -> int:
        """The process that serves HTTP: itself, or the api below `oo up`."""
        below = [pid for pid in tree(self.process.pid) if "serve api" in command_of(pid)]
        return below[-1] if below else self.process.pid

    def threads(self) -> int:
        """Return how many threads it has."""
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def descriptors(self) -> int:
        """Return how many descriptors it holds."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def limit(self, what: int, soft: int) -> None:
        """Lower or lift a resource limit of the process."""
        hard = resource.prlimit(self.pid, what)[1]
        resource.prlimit(self.pid, what, (soft if soft >= 0 else hard, hard))

    def end(self) -> None:
        """Ask it to end, then end all of it."""
        everybody = tree(self.process.pid)
        self.process.terminate()
        try:
            self.process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        for pid in everybody[1:]:
            if Path(f"/proc/{pid}").exists() and str(self.home).encode() in _environment_of(pid):
                os.kill(pid, signal.SIGKILL)


@dataclass
class Target:
    """Everything that one run of the attack has: a folder, the checkout that is attacked, and what was started."""

    folder: Path
    code: Path = CHECKOUT
    started: list[Server] = field(default_factory=list)
    _settled: Path | None = None
    _homes: int = 0
    _api: Server | None = None

    @property
    def python(self) -> str:
        """The interpreter of the attacked checkout."""
        return str(self.code / ".venv" / "bin" / "python")

    def environment(self, home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of a command on a home: nothing of this process's own settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return (
            kept | {"OO_HOME": str(home), "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"} | dict(more or {})
        )

    def oo(self, home: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run one `oo` command to its end."""
        return subprocess.run(
            [self.python, "-m", "oo", *arguments],
            cwd=self.code,
            env=self.environment(home, more),
            capture_output=True,
            text=True,
            check=False,
            timeout=START_S,
        )

    def new_home(self) -> Path:
        """Return a folder for a home that does not exist yet."""
        self._homes += 1
        return self.folder / f"home{self._homes}"

    def home(self) -> Path:
        """Return a copy of a home with a champion, one person and their example month."""
        if self._settled is None:
            settled = self.new_home()
            with self.up(settled, "--no-flows"):
                pass
            files = [str(self.code / "examples" / name) for name in ("tasks.json", "mood.csv", "habits.csv")]
            done = self.oo(settled, "import", *files)
            assert done.returncode == 0, done.stderr
            self._settled = settled
        return Path(shutil.copytree(self._settled, self.new_home()))

    @contextmanager
    def up(self, home: Path, *options: str, **more: str) -> Iterator[Server]:
        """Run `oo up` on a home until the end of the block."""
        server = self._start(home, ["up", "--json", "--port", "0", *options], more)
        try:
            assert server.process.stdout is not None
            said = server.process.stdout.readline()
            assert said, f"`oo up` did not start:\n{server.log.read_text()[-2_000:]}"
            words = json.loads(said)
            server.port, server.login_url = int(urlsplit(words["url"]).port or 0), words["login_url"]
            yield server
        finally:
            server.end()

    @contextmanager
    def serving(self, home: Path, *arguments: str, **more: str) -> Iterator[Server]:
        """Run `oo serve ...` on a home until the end of the block."""
        port = free_port()
        server = self._start(home, ["serve", *arguments, "--port", str(port)], more)
        server.port = port
        try:
            assert wait_until(lambda: answers(port) or server.process.poll() is not None, START_S)
            assert server.process.poll() is None, server.log.read_text()[-2_000:]
            yield server
        finally:
            server.end()

    @contextmanager
    def running(self, home: Path, command: list[str]) -> Iterator[Server]:
        """Run a command of the attacked checkout until the end of the block."""
        server = self._run(home, command, {})
        try:
            yield server
        finally:
            server.end()

    def _start(self, home: Path, arguments: list[str], more: Mapping[str, str]) -> Server:
        return self._run(home, [self.python, "-m", "oo", *arguments], more)

    def _run(self, home: Path, command: list[str], more: Mapping[str, str]) -> Server:
        log = self.folder / f"{home.name}-{len(self.started)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                command,
                cwd=self.code,
                env=self.environment(home, more),
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        self.started.append(Server(home, 0, process, log))
        return self.started[-1]

    @contextmanager
    def api(self, **more: str) -> Iterator[Server]:
        """Run `oo serve api` on a home of its own, with somebody signed in."""
        home = self.home()
        with self.serving(home, "api", ADMIN_TOKEN=ADMIN_TOKEN, **more) as server:
            server.sid = self.sign_in(server)
            yield server

    def shared(self) -> Server:
        """Return an api with somebody signed in that attacks share; a new one where the last has died."""
        if self._api is None or self._api.process.poll() is not None or not answers(self._api.port):
            if self._api is not None:
                self._api.end()
            port = free_port()
            self._api = self._start(self.home(), ["serve", "api", "--port", str(port)], {"ADMIN_TOKEN": ADMIN_TOKEN})
            self._api.port = port
            assert wait_until(lambda: answers(port), START_S), self._api.log.read_text()[-2_000:]
            self._api.sid = self.sign_in(self._api)
        return self._api

    def sign_in(self, server: Server) -> str:
        """Return the session of a person who opened a login link."""
        url = server.login_url
        if not url:
            done = self.oo(server.home, "link", "--port", str(server.port), "--json")
            url = json.loads(done.stdout)["login_url"]
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        with connection:
            path = urlsplit(url).path
            connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n".encode())
            head = connection.recv(65_536).decode()
        assert "sid=" in head, head
        return head.partition("sid=")[2].partition(";")[0]


def answers(port: int) -> bool:
    """Say whether a server answers its probe."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/ready", timeout=5):
            return True
    except HTTPError as error:
        return error.code != UNAVAILABLE  # a server without that probe answers, too
    except OSError:
        return False


@contextmanager
def target(code: Path = CHECKOUT) -> Iterator[Target]:
    """Give a target in a folder of its own; whatever was started has ended at the end, and its files are gone."""
    with tempfile.TemporaryDirectory(prefix="oo-attack-") as folder:
        one = Target(Path(folder), code)
        try:
            yield one
        finally:
            for server in one.started:
                if server.process.poll() is None:
                    server.end()
