"""Models of a push. The body only fixes the list; each signal is validated on its own."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.signals.kinds import ENVELOPE, SIGNALS, VERSION

MAX_SIGNALS = 10_000
SIGNAL_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": list(ENVELOPE),
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "description": "unique per person; the same id twice changes nothing"},
        "kind": {"type": "string", "enum": list(SIGNALS), "description": "what happened"},
        "at": {"type": "string", "description": "ISO 8601 with an offset, an [Area/City], or both"},
        "source": {"type": "string", "description": "the client that saw it"},
        "data": {"type": "object", "description": "the fields of the kind"},
        "version": {"type": "integer", "description": f"of the contract of signals; {VERSION} when absent"},
    },
}
SIGNALS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["signals"],
    "additionalProperties": False,
    "properties": {
        "signals": {
            "type": "array",
            "maxItems": MAX_SIGNALS,
            "description": "Signals; an item that is none is answered like every other, with the rule that it breaks.",
            "anyOf": [{"items": SIGNAL_SCHEMA}, {"items": {}}],
        }
    },
}
_TEXT: dict[str, Any] = {"type": "string"}
PUSH: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": SIGNALS_SCHEMA}}},
    "parameters": [
        {"name": "source", "in": "query", "schema": _TEXT, "description": "id of the webhook that signs the body"},
    ],
}


class SignalsIn(BaseModel):
    """Any JSON values: a signal that breaks a rule is quarantined by name and does not stop the sound ones."""

    model_config = ConfigDict(extra="forbid")

    signals: Annotated[list[Any], Field(max_length=MAX_SIGNALS)]
