"""The hot path from request bytes to response bytes; it builds no pydantic models."""

import json
from datetime import datetime

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from api.tips.schemas import RecommendIn
from data_contracts.answers import Recommendation, TipView
from data_contracts.decisions import Trigger

ENCODE = json.JSONEncoder(separators=(",", ":")).encode  # made once: json.dumps would make one each time
PLAIN: dict[bytes, Trigger] = {b"": Trigger.OPEN, b"{}": Trigger.OPEN} | {
    f'{{"trigger":"{trigger}"}}'.encode(): trigger for trigger in Trigger
}


def read_trigger(body: bytes) -> Trigger:
    """Return the trigger of a request; the bodies that our own clients send need no parser."""
    known = PLAIN.get(body)
    if known is not None:
        return known
    try:
        return RecommendIn.model_validate_json(body).trigger
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


def answer_bytes(answer: Recommendation) -> bytes:
    """Return the JSON of an answer."""
    content = {
        "tip": None if answer.tip is None else _tip(answer.tip),
        "decision_id": answer.decision_id,
        "reason": answer.reason,
        "repeated": answer.repeated,
        "fallback": answer.fallback,
    }
    return ENCODE(content).encode()


def _tip(tip: TipView) -> dict[str, object]:
    return {
        "id": tip.id,
        "text": tip.text,
        "kind": tip.kind,
        "topic": tip.topic,
        "effort_min": tip.effort_min,
        "expires_at": _instant(tip.expires_at),
        "why": tip.why,
        "why_now": tip.why_now,
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
