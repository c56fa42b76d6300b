"""The sockets that a process tree listens on, read from /proc, and the list of them in SECURITY.md."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from tests.source_tree import CHECKOUT

PROC = Path("/proc")
LISTENING = "0A"  # of TCP; a UDP socket takes datagrams as soon as it has a port
ACCEPTING = 0x10000  # of a Unix socket
HEADING = "## Listening sockets"


class Listener(NamedTuple):
    """One socket that others can reach."""

    pid: int
    process: str
    kind: str
    address: str
    port: int


class Listed(NamedTuple):
    """One row of the list."""

    process: str
    socket: str
    opened_by: frozenset[str]
    tests: tuple[str, ...]


def descendants(root: int) -> list[int]:
    """Return a process and all that it started, and these in turn."""
    children: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        with suppress(OSError):  # processes come and go
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += children.get(found[-1], [])
    return found


def listeners(pids: Iterable[int]) -> list[Listener]:
    """Return the sockets that these processes listen on: TCP, UDP and Unix; an inherited one counts once."""
    found: dict[str, Listener] = {}
    for pid in sorted(pids):
        with suppress(OSError):
            held = _inodes(pid)
            for kind, inode, address, port in (*_internet(pid), *_unix(pid)):
                if inode in held:
                    found[inode] = Listener(pid, name_of(pid), kind, address, port)
    return sorted(found.values())


def name_of(pid: int) -> str:
    """Return what a process is called in the list: `oo serve api`, `nats-server`, or its program."""
    words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    for place, word in enumerate(words):
        if word == "oo" or word.endswith("/oo"):
            return " ".join(("oo", *words[place + 1 : place + (3 if words[place + 1] == "serve" else 2)]))
    return Path(words[0]).name


def listed() -> list[Listed]:
    """Return the rows of the list in SECURITY.md."""
    text = (CHECKOUT / "SECURITY.md").read_text(encoding="utf-8").partition(f"\n{HEADING}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [
        Listed(_quoted(process)[0], socket, frozenset(_quoted(opened)), tuple(_quoted(tests)))
        for process, socket, opened, _who, tests in cells
    ]


def expected(*runs: str) -> Counter[str]:
    """Return how many sockets the list gives each process of a run."""
    return Counter(row.process for row in listed() if row.opened_by & {*runs})


def counted(found: Iterable[Listener]) -> Counter[str]:
    """Return how many sockets there are by process."""
    return Counter(one.process for one in found)


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _inodes(pid: int) -> set[str]:
    inodes = set()
    for descriptor in (PROC / str(pid) / "fd").iterdir():
        with suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    return inodes


def _internet(pid: int) -> Iterator[tuple[str, str, str, int]]:
    for kind in ("tcp", "tcp6", "udp", "udp6"):
        table = PROC / str(pid) / "net" / kind
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            cells = line.split()
            address, _, port = cells[1].partition(":")
            unconnected = cells[2].partition(":")[2] == "0000"
            if cells[3] == LISTENING if kind.startswith("tcp") else unconnected and int(port, 16):
                yield kind, cells[9], _readable(address), int(port, 16)


def _readable(address: str) -> str:
    words = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address), 8)]
    return ".".join(map(str, words[0])) if len(words) == 1 else b"".join(words).hex()


def _unix(pid: int) -> Iterator[tuple[str, str, str, int]]:
    for line in (PROC / str(pid) / "net" / "unix").read_text().splitlines()[1:]:
        cells = line.split()
        if int(cells[3], 16) & ACCEPTING:
            yield "unix", cells[6], cells[7] if len(cells) > 7 else "", 0
