"""Power loss: what was not fsynced is gone. A preloaded library notes what is durable; a cut leaves only that.

`power_loss.c` says what counts as durable. A cut keeps of each file what its last fsync left, and of the pages that
were written since a random share, as a disk does that was writing when the power went. A folder has the names of its
last fsync or those of now. nats-server is a static program and loads no library: its store is cut back to a copy.
"""

import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

SOURCE = Path(__file__).with_name("power_loss.c")
PAGE = 4_096
PARTS = ("keep", "data", "dirty", "names")


def compiler() -> str | None:
    """Return the machine's C compiler, where there is one and a library can be preloaded."""
    return shutil.which("cc") if sys.platform == "linux" else None


def compiled(folder: Path) -> Path:
    """Compile the library into a folder."""
    library = folder / "power_loss.so"
    command = [
        str(compiler()),
        "-shared",
        "-fPIC",
        "-O2",
        "-Wall",
        "-Werror",
        "-o",
        str(library),
        str(SOURCE),
        "-pthread",
    ]
    subprocess.run(command, check=True)
    return library


class Disk:
    """A folder on a disk that can lose its power; top-level names in `apart` are left as they are."""

    def __init__(self, folder: Path, library: Path, apart: frozenset[str] = frozenset()) -> None:
        self.folder = folder
        self.dropped_pages = 0
        self.lucky_pages = 0  # written, not synced, and there all the same
        self._apart = apart
        self._library = library
        self._shadow = folder.with_name(f"{folder.name}.shadow")

    @property
    def environment(self) -> dict[str, str]:
        """What every process that writes here is started with."""
        return {
            "LD_PRELOAD": str(self._library),
            "OO_POWER_FOLDER": str(self.folder),
            "OO_POWER_SHADOW": str(self._shadow),
        }

    def watch(self) -> Self:
        """Take all that is there now for durable; nobody writes meanwhile."""
        shutil.rmtree(self._shadow, ignore_errors=True)
        for part in PARTS:
            (self._shadow / part).mkdir(parents=True)
        for folder, _, files in os.walk(self.folder):
            here = Path(folder)
            (self._shadow / "names" / str(here.stat().st_ino)).write_bytes(b"".join(_names(here)))
            for name in files:
                inode = str((here / name).stat().st_ino)
                if not (self._shadow / "keep" / inode).exists():  # two names of one file
                    os.link(here / name, self._shadow / "keep" / inode)
                    shutil.copyfile(here / name, self._shadow / "data" / inode)
        return self

    def cut(self, seed: int | None) -> None:
        """Replace the folder by what a power loss leaves of it; without a seed nothing is left that was not synced.

        `watch` has to be called before anybody writes again.
        """
        chance = None if seed is None else random.Random(seed)  # noqa: S311 - a disk's luck, no secret
        left, gone = (
            self.folder.with_name(f"{self.folder.name}.left"),
            self.folder.with_name(f"{self.folder.name}.gone"),
        )
        self._restore(self.folder.stat().st_ino, self.folder, left, chance)
        for name in self._apart:
            if (self.folder / name).exists():
                shutil.rmtree(left / name, ignore_errors=True)
                (self.folder / name).rename(left / name)
        self.folder.rename(gone)
        left.rename(self.folder)
        shutil.rmtree(gone)

    def _restore(self, inode: int, now: Path, target: Path, chance: random.Random | None) -> None:
        """Make a folder as it was when it was synced, or, with luck, as it is now."""
        target.mkdir(mode=0o700)
        synced = self._shadow / "names" / str(inode)
        entries = synced.read_bytes().split(b"\0") if synced.exists() else []
        if chance is not None and now.is_dir() and now.stat().st_ino == inode and chance.random() < 1 / 2:
            entries = [line.rstrip(b"\0") for line in _names(now)]
        for entry in filter(None, entries):
            kind, number, name = entry.decode().split(" ", 2)
            if name.endswith("-shm"):
                continue
            if kind == "d":
                self._restore(int(number), now / name, target / name, chance)
            else:
                self._fill(number, target / name, chance)

    def _fill(self, inode: str, target: Path, chance: random.Random | None) -> None:
        kept, data = self._shadow / "keep" / inode, self._shadow / "data" / inode
        if not kept.exists():  # created by none of ours and never written
            target.touch(0o600)
            return
        now, durable = kept.read_bytes(), data.read_bytes() if data.exists() else b""
        target.touch(kept.stat().st_mode & 0o777)
        target.write_bytes(self._pages(durable, now, chance))

    def _pages(self, durable: bytes, now: bytes, chance: random.Random | None) -> bytes:
        """Return a file of which every page that differs is the old one or, with luck, the new one."""
        result = bytearray(durable)
        for start in range(0, max(len(durable), len(now)), PAGE):
            new = now[start : start + PAGE]
            if new == durable[start : start + PAGE]:
                continue
            if chance is not None and new and chance.random() < 1 / 2:
                self.lucky_pages += 1
                result.extend(bytes(max(0, start - len(result))))
                result[start : start + len(new)] = new
            else:
                self.dropped_pages += 1
        return bytes(result)


def _names(folder: Path) -> Iterator[bytes]:
    """Yield a folder's entries as the library writes them."""
    for path in sorted(folder.iterdir()):
        kind = "d" if path.is_dir() else "f"
        if path.is_file() or kind == "d":
            yield f"{kind} {path.lstat().st_ino} {path.name}\0".encode()


class Copies:
    """Copies of a running server's store, one each interval; the newest complete one that is old enough is its past."""

    def __init__(self, store: Path, every_s: float = 1.0) -> None:
        self._store = store
        self._every_s = every_s
        self._copies = [store.with_name(f"{store.name}.copy{number}") for number in range(3)]
        self.taken = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oo-copies", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and remove the copies."""
        self._stopping.set()
        self._thread.join()
        for copy in self._copies:
            shutil.rmtree(copy, ignore_errors=True)

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            number = self.taken % len(self._copies)
            shutil.rmtree(self._copies[number], ignore_errors=True)
            if _copy_running(self._store, self._copies[number]):
                self.taken += 1

    def cut_back(self) -> None:
        """Replace the store of a server that was killed by the copy before the last: older than its last sync."""
        self._stopping.set()
        self._thread.join()
        assert self.taken > 1, "there is no copy yet"
        past = self._copies[(self.taken - 2) % len(self._copies)]
        shutil.rmtree(self._store)
        shutil.copytree(past, self._store)


def _copy_running(store: Path, target: Path) -> bool:
    """Copy a folder in use; return false when a file vanished meanwhile."""
    try:
        shutil.copytree(store, target)
    except (shutil.Error, FileNotFoundError):
        return False
    return True
