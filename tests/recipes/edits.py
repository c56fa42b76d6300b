"""What an example is: its edits, and a program that works only after them."""

from typing import NamedTuple


class Edit(NamedTuple):
    """One change of a file: `new` in place of the first `old`, or a new file where `old` is empty."""

    path: str
    new: str
    old: str = ""


class Twin(NamedTuple):
    """An example: what it changes, and the program that proves it, run in the changed tree."""

    edits: tuple[Edit, ...]
    proof: str


def before(path: str, old: str, new: str) -> Edit:
    """Return what puts `new` before `old`."""
    return Edit(path, new + old, old)


def after(path: str, old: str, new: str) -> Edit:
    """Return what puts `new` after `old`."""
    return Edit(path, old + new, old)
