"""Each golden file gives exactly the events and refusals that stand beside it; `REWRITE_GOLDEN=1` writes them anew."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict

from data_contracts.events.codec import body, kind
from data_contracts.identifiers import from_us
from infra.connectors.connector import Refused
from infra.connectors.registry import FILE_CONNECTORS, connector_for
from tests.infra.connectors.conftest import GOLDEN, ReadAll, Row

FILES = sorted(path for path in GOLDEN.iterdir() if not path.name.endswith(".expected.json"))


def _told(row: Row) -> dict[str, Any]:
    if isinstance(row, Refused):
        return {"line": row.line, "refused": row.rule, "message": row.message}
    fields = MessageToDict(body(row.event), preserving_proto_field_name=True)
    readable = {
        name: from_us(int(value)).isoformat() if name.endswith("_us") else value for name, value in fields.items()
    }
    return {"line": row.line, "kind": kind(row.event), "at": from_us(row.event.at_us).isoformat(), **readable}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_golden_file_gives_its_events_and_refusals(path: Path, read_all: ReadAll) -> None:
    """Every field and every sentence is as it stands there."""
    expected = path.with_name(f"{path.name}.expected.json")
    told = [_told(row) for row in read_all(path)]
    if os.environ.get("REWRITE_GOLDEN"):
        expected.write_text("[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in told) + "\n]\n")
    assert told == json.loads(expected.read_text())


def test_there_is_a_golden_file_for_every_connector() -> None:
    """No connector goes without."""
    assert {connector_for(path).name for path in FILES} == {connector.name for connector in FILE_CONNECTORS}
