"""A classified set from an npz file: `X` float32 (n, d), `y` int (n,), read as data and never as code."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import Malformed, NotFound

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

MAX_BYTES = 1 << 32
AXES = 2


class Examples(NamedTuple):
    """N contexts (N, d) and the place of each one's right action among the distinct labels, (N,)."""

    contexts: Floats
    right: Indices
    actions: int


def examples_from(path: Path) -> Examples:
    """Return the set in a file; raises `NotFound`, or `Malformed` naming the file and the rule that it breaks."""
    if not path.is_file():
        raise NotFound(f"there is no file {path.name}")
    x, y = _arrays(path)
    for rule, sound in (
        (f"X is float32 (n, d), here it is {x.dtype} {x.shape}", x.dtype == np.float32 and x.ndim == AXES),
        (f"y is int (n,), here it is {y.dtype} {y.shape}", np.issubdtype(y.dtype, np.integer) and y.ndim == 1),
        (f"X and y have one row an example, here are {x.shape[:1]} and {y.shape[:1]}", x.shape[:1] == y.shape[:1]),
        (f"there is at least one row and one column, here X is {x.shape}", x.size > 0),
    ):
        if not sound:
            raise Malformed(f"{path.name} breaks the rule: {rule}")
    for rule, rows in (
        ("X is finite", np.isfinite(x).all(axis=1)),
        ("a label is at least 0", y >= 0),
    ):
        if not rows.all():
            raise Malformed(f"{path.name} row {int(np.flatnonzero(~rows)[0])} breaks the rule: {rule}")
    labels, right = np.unique(y, return_inverse=True)
    if labels.size == 1:
        raise Malformed(f"{path.name} breaks the rule: there are two labels at least, here all are {labels[0]}")
    return Examples(x.astype(np.float64), right.astype(np.intp), labels.size)


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise Malformed(f"{path.name} unpacks to {size} bytes, {MAX_BYTES} are allowed")
        with np.load(path, allow_pickle=False) as found:
            missing = sorted({"X", "y"} - set(found.files))
            if missing:
                raise Malformed(f"{path.name} lacks {missing}: an npz file with X and y is needed")
            x, y = found["X"], found["y"]
            if not (isinstance(x, np.ndarray) and isinstance(y, np.ndarray)):
                raise Malformed(f"{path.name} is no npz file of plain arrays: X or y is no array")
            return x, y
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise Malformed(f"{path.name} is no npz file of plain arrays: {error}") from error
