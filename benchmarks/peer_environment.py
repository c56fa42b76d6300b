"""Environments of peers: each benchmark names its peer's packages, and the first run makes an environment of them."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.result import PeerMissing

ENVIRONMENTS = Path(__file__).parents[1] / "build" / "peers"
READY = "ready"


class Peer(NamedTuple):
    """A peer by its packages; those of `bare` come without what they say they need."""

    name: str
    packages: tuple[str, ...]
    bare: tuple[str, ...] = ()


OBP = Peer(
    "obp",
    # what obp 0.5.7 asks for excludes this Python's numpy, and torch, which off-policy evaluation does not use
    packages=("numpy<2.5", "pandas<3", "scikit-learn", "scipy", "tqdm", "pyyaml", "matplotlib", "seaborn",
              "mypy-extensions"),
    bare=("obp==0.5.7",),
)  # fmt: skip


def python_of(peer: Peer) -> str:
    """Return the Python of a peer's environment, made when it is not there; raises `PeerMissing` when it cannot be."""
    digest = hashlib.sha256(repr((peer, sys.version_info[:2])).encode()).hexdigest()[:8]
    folder = ENVIRONMENTS / f"{peer.name}-{digest}"
    python = folder / "bin" / "python"
    if not (folder / READY).exists():
        _uv("venv", "--clear", "--python", sys.executable, str(folder))
        for flags, packages in (((), peer.packages), (("--no-deps",), peer.bare)):
            if packages:
                _uv("pip", "install", "--python", str(python), *flags, *packages)
        (folder / READY).touch()
    return str(python)


def _uv(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", "-q", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissing(f"uv {words[0]} failed: {done.stderr.strip().splitlines()[-1:]}")
