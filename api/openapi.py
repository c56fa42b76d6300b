"""The committed OpenAPI document: `python -m api.openapi` writes `api/openapi.json`.

`api/openapi.baseline.json` is the contract that clients were promised; a test refuses a change that would break them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api.errors import MEDIA_TYPE
from api.operations import SCHEMES, describe_operation, shared_responses

CONTRACT = Path(__file__).with_name("openapi.json")
BASELINE = Path(__file__).with_name("openapi.baseline.json")
PROBLEM = "A problem"
JSON = "application/json"
Schema = dict[str, Any]
REFERENCE = "#/components/schemas/Problem"


def describe(schema: Schema) -> Schema:
    """Complete what FastAPI writes: who may call each operation, every status, and problems under their media type."""
    schema["components"]["securitySchemes"] = SCHEMES
    schema["components"]["responses"] = shared_responses({MEDIA_TYPE: {"schema": {"$ref": REFERENCE}}})
    for name, operation in operations(schema):
        content = operation["responses"].get("default", {}).get("content", {})
        if JSON in content:
            content[MEDIA_TYPE] = content.pop(JSON)
        describe_operation(name.partition(" ")[0], operation)
    return schema


def dump(schema: Schema) -> str:
    """Return the text that is committed."""
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def operations(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield every operation as "METHOD /path" with its description."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


if __name__ == "__main__":
    from api.app import build  # the app describes itself with this module

    CONTRACT.write_text(dump(build().openapi()))
