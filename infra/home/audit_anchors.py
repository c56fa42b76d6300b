"""Anchors of the audit log: a file outside the database with the newest entry of each day.

A line is JSON with a MAC over itself and the MAC of the line before. Who can write to the database and to this file can
cut both back to an earlier day, so copy the file to another machine where that matters.
"""

import json
import os
from pathlib import Path
from typing import Any, Literal, NamedTuple

from infra.keys.audit_key import AuditKey
from infra.storage import files
from infra.storage.locks import locked

__all__ = ["Anchor", "Anchors", "Kind", "Line"]

FIRST = "0" * 64
Kind = Literal["head", "restored"]


class Anchor(NamedTuple):
    """The newest entry of a chain at an instant; `restored` says that entries behind it were given up."""

    kind: Kind
    at_us: int
    chain: str
    sequence: int
    mac: str


class Line(NamedTuple):
    """One line of the file; `anchor` is None where it was not written with the key, or not behind the line before."""

    number: int
    anchor: Anchor | None


class Anchors:
    """The file of anchors of a home."""

    def __init__(self, folder: Path, key: AuditKey) -> None:
        self._path = folder / "anchors.jsonl"
        self._key = key

    def read(self) -> list[Line]:
        """Return the lines, in order; none where the file is missing. Raises `DamagedStore` without the key."""
        try:
            lines = self._path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []
        before = [FIRST, *map(_seal_of, lines)]
        return [Line(n, self._anchor(text, before[n - 1])) for n, text in enumerate(lines, start=1)]

    def append(self, anchor: Anchor) -> None:
        """Add a line, durably; of several processes one writes after the other."""
        files.make_private_folder(self._path.parent)
        files.touch_private(self._path)
        with locked(self._path) as descriptor:
            lines = _whole_lines(descriptor)
            previous = _seal_of(lines[-1]) if lines else FIRST
            written = {**anchor._asdict(), "previous": previous, "seal": self._seal(anchor, previous)}
            files.append_line(self._path, json.dumps(written, separators=(",", ":")))

    def set_aside(self, now_us: int) -> None:
        """Begin a new file and keep this one beside it."""
        self._path.replace(self._path.with_name(f"anchors.until-{now_us}.jsonl"))
        files.sync(self._path.parent)

    def _anchor(self, text: str, previous: str) -> Anchor | None:
        try:
            found = json.loads(text)
            anchor = Anchor(*(found[name] for name in Anchor._fields))
            sound = found["previous"] == previous and found["seal"] == self._seal(anchor, previous)
        except (ValueError, TypeError, KeyError):
            return None
        return anchor if sound else None

    def _seal(self, anchor: Anchor, previous: str) -> str:
        return self._key.mac("anchor", [*anchor, previous])


def _seal_of(text: str) -> str:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return ""
    return str(found.get("seal", "")) if isinstance(found, dict) else ""


def _whole_lines(descriptor: int) -> list[str]:
    """Return the complete lines; what a power cut left behind the last one was never an anchor and is cut off."""
    content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.ftruncate(descriptor, whole)
    return content[:whole].decode(errors="replace").splitlines()
