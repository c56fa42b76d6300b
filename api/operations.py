"""What the contract says of each operation beside its models: authentication, problems and links."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from api.middleware.cross_site import SAFE

Schema = dict[str, Any]

SESSION: Schema = {
    "type": "apiKey",
    "in": "cookie",
    "name": "sid",
    "description": "what signing in sets; `__Host-sid` where the server is reached by https",
}
SCHEMES: Schema = {
    "session": SESSION,
    "source_token": {"type": "http", "scheme": "bearer"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-OO-Signature",
        "description": 't=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">; several v1 while a secret changes. '
        "`source` in the query names the webhook.",
    },
}


class Conduct(NamedTuple):
    """Which schemes open an operation (any one of them; none: it is public), and its own problems."""

    opened_by: tuple[str, ...] = ("session",)
    problems: tuple[int, ...] = ()


PUBLIC = ()
CONDUCT: Mapping[str, Conduct] = {
    "recommend": Conduct(problems=(422,)),
    "mark_shown": Conduct(problems=(404, 409, 422)),
    "get_receipt": Conduct(problems=(404, 422)),
    "react": Conduct(problems=(404, 409, 422)),
    "undo_reaction": Conduct(problems=(404, 409, 422)),
    "push_signals": Conduct(("session", "source_token", "signature"), (422, 429)),
    "list_sources": Conduct(problems=(404, 422)),
    "add_source": Conduct(problems=(404, 409, 422)),
    "rotate_source": Conduct(problems=(404, 422)),
    "revoke_source": Conduct(problems=(404, 422)),
    "list_consents": Conduct(),
    "change_consent": Conduct(problems=(422,)),
    "read_preferences": Conduct(),
    "change_preferences": Conduct(problems=(422,)),
    "exchange_admin_token": Conduct(PUBLIC, (401, 404, 422, 429)),
    "get_session": Conduct(),
    "sign_out": Conduct(),
    "get_stats": Conduct(),
    "stream_events": Conduct(problems=(422,)),
    "get_learning": Conduct(problems=(404,)),
    "get_health": Conduct(PUBLIC),
    "get_ready": Conduct(PUBLIC),
    "get_metrics": Conduct(PUBLIC),
}
PROBLEMS: Mapping[int, str] = {
    400: "The server does not answer for the host that the request names",
    401: "No valid session, token or signature",
    403: "The caller may not do this, or another site sent the request",
    404: "There is no such thing, or it belongs to somebody else",
    409: "The state has moved on",
    413: "The body is too large",
    422: "The request is malformed",
    429: "Too many requests",
    503: "A part that this needs is down or overloaded",
}
RETRY_AFTER: Schema = {"description": "seconds to wait", "required": True, "schema": {"type": "integer", "minimum": 1}}
NOT_STORED: Schema = {"required": True, "schema": {"type": "string", "enum": ["no-store"]}}
DECISION: Schema = {"decision_id": "$response.body#/decision_id"}
SOURCE: Schema = {"source": "$response.body#/source/name"}
# (operation, status) -> operations that its answer leads to, and what they take from it
LINKS: Mapping[tuple[str, str], Mapping[str, Schema]] = {
    ("recommend", "200"): {
        "mark_shown": {"parameters": DECISION},
        "get_receipt": {"parameters": DECISION},
        "react": {"requestBody": {**DECISION, "kind": "done", "idempotency_key": "$response.body#/decision_id"}},
    },
    ("react", "200"): {"undo_reaction": {"parameters": {"decision_id": "$request.body#/decision_id"}}},
    ("add_source", "201"): {"rotate_source": {"parameters": SOURCE}, "revoke_source": {"parameters": SOURCE}},
    ("rotate_source", "200"): {"revoke_source": {"parameters": SOURCE}},
}


def shared_responses(problem: Schema) -> Schema:
    """Return the refusals that operations refer to by their status."""
    return {
        str(status): {
            "description": description,
            "content": problem,
            "headers": {"Cache-Control": NOT_STORED} | ({"Retry-After": RETRY_AFTER} if status in {429, 503} else {}),
        }
        for status, description in PROBLEMS.items()
    }


def describe_operation(method: str, operation: Schema) -> None:
    """Write into an operation who may call it, each status that it answers with, and what may follow."""
    name = operation["operationId"]
    conduct = CONDUCT[name]
    operation["security"] = [{scheme: []} for scheme in conduct.opened_by]
    responses: Schema = operation["responses"]
    responses |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(method, conduct)}
    for status, response in responses.items():
        if status.startswith("2"):
            response["headers"] = {"Cache-Control": NOT_STORED}
            if links := LINKS.get((name, status)):
                response["links"] = {to: {"operationId": to, **taken} for to, taken in links.items()}


def _refusals(method: str, conduct: Conduct) -> set[int]:
    """Return the statuses of all refusals: the operation's own, and those of what each request passes before it."""
    guarded = {401, 403} if conduct.opened_by else set()
    unsafe = set() if method in SAFE else {403, 413}
    return {400, 503, *guarded, *unsafe, *conduct.problems}
