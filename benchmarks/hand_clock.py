"""A clock in eight bytes of shared memory, with which a benchmark sets the time of a server in another process."""

import mmap
import struct
from datetime import datetime
from pathlib import Path

from data_contracts.identifiers import from_us

FORMAT = struct.Struct("<q")


class HandClock:
    """The instant that the file says, for every process that has it open."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(FORMAT.pack(0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), FORMAT.size)

    def set(self, now_us: int) -> None:
        """Move every process that follows this file."""
        FORMAT.pack_into(self._memory, 0, now_us)

    def now_us(self) -> int:
        """Return the instant in microseconds."""
        found: int = FORMAT.unpack_from(self._memory)[0]
        return found

    def __call__(self) -> datetime:
        """Return the instant as aware UTC."""
        return from_us(self.now_us())
