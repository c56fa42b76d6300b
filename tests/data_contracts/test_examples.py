"""Every example file is accepted, or refused by the rule that it names."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import AwareDatetime, StringConstraints, TypeAdapter, ValidationError

import data_contracts
from data_contracts.answers import ReactionResult, Recommendation, TipView
from data_contracts.rewards import ReactionKind
from data_contracts.signals.kinds import RULES, SIGNALS, Refusal
from data_contracts.tips import MAX_TEXT
from tests.data_contracts.reading import read

FOLDER = Path(data_contracts.__file__).parent / "examples"
FILES = sorted(FOLDER.glob("*.json"))


@dataclass(frozen=True)
class ReactionRequest:
    """What a client sends."""

    decision_id: str
    kind: ReactionKind
    idempotency_key: str


ANSWERS: dict[str, TypeAdapter[Any]] = {
    "recommendation": TypeAdapter(Recommendation),
    "reaction": TypeAdapter(ReactionRequest),
    "reaction_result": TypeAdapter(ReactionResult),
}
AWARE: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
TEXT: TypeAdapter[str] = TypeAdapter(Annotated[str, StringConstraints(max_length=MAX_TEXT)])


def broken_rule(name: str, item: Any) -> str | None:
    """Return the rule that an example breaks."""
    if name not in ANSWERS:
        result = read(item)
        return result.rule if isinstance(result, Refusal) else None
    try:
        answer = ANSWERS[name].validate_python(item)
        tip = answer.tip if isinstance(answer, Recommendation) else None
        if isinstance(tip, TipView):
            AWARE.validate_python(tip.expires_at)
            TEXT.validate_python(tip.text)
    except ValidationError as error:
        return str(error.errors()[0]["type"])
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_an_example_is_what_its_name_says(path: Path) -> None:
    """A pass file breaks no rule, a fail file breaks the one that it names."""
    name, version, _, expected, _ = path.name.split(".")
    example = json.loads(path.read_text())
    assert version == "v1"
    assert expected == ("fail" if "rule" in example else "pass")
    assert broken_rule(name, example["item"]) == example.get("rule")


def test_every_contract_has_examples_of_both_sorts() -> None:
    """No kind of signal and no answer goes without a pass and a fail file."""
    sorts = {(path.name.split(".")[0], path.name.split(".")[3]) for path in FILES}
    assert {(name, sort) for name in (*SIGNALS, *ANSWERS) for sort in ("pass", "fail")} <= sorts


def test_every_rule_of_the_reader_has_an_example() -> None:
    """A rule that no file can break is no rule; the subject's is the gate's alone."""
    named = {json.loads(path.read_text()).get("rule") for path in FILES}
    assert set(RULES) - named == {"bad_subject"}
