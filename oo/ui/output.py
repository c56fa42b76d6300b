"""Output of the command line: data on stdout, messages on stderr, and the options that commands share."""

import dataclasses
import json
import math
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
PersonName = Annotated[str, typer.Option("--person", help="Whose life; one home may hold several.", envvar="OO_PERSON")]
DEFAULT_PERSON = "me"


def plain(value: Any) -> Any:
    """Return `value` in JSON's own types; instants in ISO 8601."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    elif isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it
    return value


def emit(value: Any, text: str, *, as_json: bool) -> None:
    """Print the data once: as JSON for programs, as text for people."""
    print(json.dumps(plain(value), ensure_ascii=False) if as_json else text)


def note(message: str) -> None:
    """Say something to the person without touching the data."""
    print(message, file=sys.stderr)


def rows(lines: Sequence[Sequence[object]]) -> str:
    """Return aligned columns, two spaces apart."""
    if not lines:
        return ""
    cells = [[str(cell) for cell in line] for line in lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )
