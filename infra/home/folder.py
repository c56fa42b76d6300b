"""The path of the home; also for processes that import next to nothing."""

import os
from pathlib import Path

from data_contracts.errors import Malformed

__all__ = ["default_home", "expanded", "named_home"]


def default_home() -> Path:
    """Return the XDG data folder of oO."""
    base = os.environ.get("XDG_DATA_HOME") or expanded(Path("~/.local/share"))
    return Path(base) / "oo"


def named_home() -> Path:
    """Return the absolute path of the home that the environment names, as `Settings` does."""
    return expanded(Path(os.environ.get("OO_HOME") or default_home())).absolute()


def expanded(path: Path) -> Path:
    """Return the path with `~` replaced; raises `Malformed` for a user without a home folder."""
    try:
        return path.expanduser()
    except RuntimeError as error:  # as in a container
        raise Malformed(f"{path} cannot be resolved; set OO_HOME to a folder") from error
