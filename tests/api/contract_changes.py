"""Which changes of an OpenAPI contract would break a client."""

from collections.abc import Iterator
from typing import Any

from api.openapi import Schema, operations


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return one sentence for each change that breaks a client of `old`; additions break nobody."""
    found: list[str] = []
    now = dict(operations(new))
    for name, before in operations(old):
        after = now.get(name)
        if after is None:
            found.append(f"{name} is gone")
            continue
        if before.get("operationId") != after.get("operationId"):
            found.append(f"{name} is no longer called {before.get('operationId')}")
        found += _parameters(name, before, after)
        asked, asks = (_resolve(schema, _body(operation)) for schema, operation in ((old, before), (new, after)))
        found += _narrowed(f"{name} body", asked, asks, asked_of_client=True)
        for status in before["responses"]:
            if status not in after["responses"]:
                found.append(f"{name} no longer answers {status}")
                continue
            gave, gives = (
                _resolve(schema, _content(operation["responses"][status]))
                for schema, operation in ((old, before), (new, after))
            )
            found += _narrowed(f"{name} {status}", gave, gives, asked_of_client=False)
    return found


def _parameters(name: str, before: Schema, after: Schema) -> Iterator[str]:
    known = {(parameter["in"], parameter["name"]) for parameter in before.get("parameters", ())}
    for parameter in after.get("parameters", ()):
        if parameter.get("required") and (parameter["in"], parameter["name"]) not in known:
            yield f"{name} now requires {parameter['name']}"


def _narrowed(where: str, old: Any, new: Any, *, asked_of_client: bool) -> Iterator[str]:
    """Yield what `new` takes away (from what we answer) or newly demands (of what a client sends)."""
    if isinstance(old, list) and isinstance(new, list):
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from _narrowed(f"{where}[{index}]", before, after, asked_of_client=asked_of_client)
    if not isinstance(old, dict) or not isinstance(new, dict):
        return
    yield from _taken(where, old, new, asked_of_client=asked_of_client)
    for key in ("items", "anyOf", "allOf", "oneOf"):
        yield from _narrowed(f"{where}.{key}", old.get(key), new.get(key), asked_of_client=asked_of_client)
    for name in old.get("properties", {}).keys() & new.get("properties", {}).keys():
        inner = (schema["properties"][name] for schema in (old, new))
        yield from _narrowed(f"{where}.{name}", *inner, asked_of_client=asked_of_client)


def _taken(where: str, old: Schema, new: Schema, *, asked_of_client: bool) -> Iterator[str]:
    if old.get("type") != new.get("type"):
        yield f"{where} was {old.get('type')} and is {new.get('type')}"
    if gone := sorted(old.get("properties", {}).keys() - new.get("properties", {}).keys()):
        yield f"{where} lost {', '.join(gone)}"
    demanded, promised = (set(schema.get("required", ())) for schema in (new, old))
    if asked_of_client and demanded - promised:
        yield f"{where} now requires {', '.join(sorted(demanded - promised))}"
    if not asked_of_client and promised - demanded:
        yield f"{where} no longer promises {', '.join(sorted(promised - demanded))}"
    if asked_of_client and "enum" in new and (lost := set(old.get("enum", [])) - set(new["enum"])):
        yield f"{where} no longer takes {', '.join(sorted(lost))}"


def _body(operation: Schema) -> Any:
    return _content(operation.get("requestBody", {}))


def _content(holder: Schema) -> Any:
    return next((media.get("schema", {}) for media in holder.get("content", {}).values()), {})


def _resolve(document: Schema, schema: Any) -> Any:
    """Return a schema with its references put in; ours have no circles."""
    if isinstance(schema, list):
        return [_resolve(document, part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolve(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return {key: _resolve(document, part) for key, part in schema.items()}
