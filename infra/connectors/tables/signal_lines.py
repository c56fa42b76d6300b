"""Signals as JSON lines: each line is one that `POST /api/signals` takes, read by the same rules."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_contracts.identifiers import SubjectKey
from data_contracts.signals.kinds import SIGNALS, canonical_label
from infra.connectors.connector import Parsed, ReadContext, Reading, Refused
from infra.connectors.tables.csv_records import MAX_ROW
from infra.connectors.text_files import is_clean, open_text


class SignalLines:
    """The connector of `.jsonl` files."""

    name = "signal_lines"

    def matches(self, path: Path, head: str) -> bool:
        """Return whether the name says JSON lines, and the text begins as an object."""
        return path.suffix.lower() in {".jsonl", ".ndjson"} and bool(head.strip())

    def read(self, path: Path, context: ReadContext) -> Iterator[Parsed | Refused]:
        """Yield a signal a line; the id is the line's own."""
        reading = Reading(path, self.name, context)
        for found in _lines(reading):
            if isinstance(found, Refused):
                yield found
            else:
                line, text, item = found
                yield reading.item(item, line, text)

    def titles(self, path: Path, context: ReadContext) -> Iterator[tuple[SubjectKey, str]]:
        """Yield the titles of tasks and the labels of habits."""
        for found in _lines(Reading(path, self.name, context)):
            if isinstance(found, Refused) or not isinstance(found[2], dict):
                continue
            kind, data = found[2].get("kind"), found[2].get("data")
            contract = SIGNALS.get(kind) if isinstance(kind, str) else None
            if contract is None or contract.subject is None or not isinstance(data, dict):
                continue
            subject = contract.subject
            native = data.get(subject.name)
            title = native if subject.type == "label" else data.get("title")
            if isinstance(native, str) and isinstance(title, str):
                key = canonical_label(native) if subject.type == "label" else native.strip()
                yield context.subject_key(subject.name, key), title


def _lines(reading: Reading) -> Iterator[tuple[int, str, Any] | Refused]:
    with open_text(reading.path) as stream:
        for line, physical in enumerate(stream, start=1):
            text = physical.strip()
            if not text:
                continue
            if not is_clean(text):
                yield reading.refuse(line, "invalid_utf8", text)
            elif len(text) > MAX_ROW:
                yield reading.refuse(line, "row_too_long", text)
            else:
                try:
                    yield line, text, json.loads(text)
                except (ValueError, RecursionError):
                    yield reading.refuse(line, "bad_json", text)
