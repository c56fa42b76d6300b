"""What a process holds: descriptors, threads, memory, and the bytes of its home's write-ahead logs."""

from pathlib import Path
from typing import NamedTuple

PAGE = 4_096
RESIDENT = 1  # its place in /proc/<pid>/statm


class Usage(NamedTuple):
    """One look at a process; to see what grows, take several over time."""

    descriptors: int
    threads: int
    resident_bytes: int
    log_bytes: int


def usage_of(pid: int, home: Path) -> Usage:
    """Return what a process holds now (Linux), and how long the logs of its home are."""
    process = Path(f"/proc/{pid}")
    resident = int((process / "statm").read_text().split()[RESIDENT]) * PAGE
    descriptors, threads = (sum(1 for _ in (process / name).iterdir()) for name in ("fd", "task"))
    return Usage(descriptors, threads, resident, sum(log_bytes(home).values()))


def log_bytes(home: Path) -> dict[str, int]:
    """Return the bytes of each write-ahead log of a home, by the name of its file."""
    return {path.name: path.stat().st_size for path in sorted(home.glob("*.db-wal"))}
