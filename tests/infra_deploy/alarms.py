"""Reads the alarm rules, and says which of them a page of metrics would raise.

Understands the one form that the schema allows: a metric, perhaps with one label, perhaps divided by another metric
with the same labels, compared with a number.
"""

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.infra_deploy.compose import DEPLOY

FORM = re.compile(
    r"(?P<metric>\w+)(\{(?P<label>\w+)=~?\"(?P<values>[\w|]+)\"\})?( / (?P<by>\w+))? (?P<how>\S+) (?P<limit>\S+)"
)
HOW: Mapping[str, Callable[[float, float], bool]] = {">": operator.gt, "<": operator.lt, "==": operator.eq}
Labels = frozenset[tuple[str, str]]
Samples = Mapping[str, Mapping[Labels, float]]


class Rule(NamedTuple):
    """One alarm, taken apart."""

    name: str
    metric: str
    label: str | None
    values: frozenset[str]
    by: str | None
    how: str
    limit: float

    @property
    def metrics(self) -> set[str]:
        """The names that it asks for."""
        return {self.metric} | ({self.by} if self.by else set())


def alarms() -> dict[str, Any]:
    """Return the rule file."""
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "alarms.yaml").read_text(encoding="utf-8"))
    return loaded


def schema() -> dict[str, Any]:
    """Return the strict schema of the subset that is used."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("alarms.schema.json").read_text(encoding="utf-8"))
    return loaded


def rules() -> Iterator[Rule]:
    """Yield every rule."""
    for group in alarms()["groups"]:
        for rule in group["rules"]:
            found = FORM.fullmatch(rule["expr"])
            assert found is not None, rule["expr"]
            values = frozenset((found["values"] or "").split("|")) - {""}
            yield Rule(
                rule["alert"], found["metric"], found["label"], values, found["by"], found["how"], float(found["limit"])
            )


def samples(text: str) -> dict[str, dict[Labels, float]]:
    """Return the values of a page of metrics by name and labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def raised(page: Samples) -> set[str]:
    """Return the names of the alarms that a page of metrics raises."""
    return {rule.name for rule in rules() if any(_holds(rule, page, labels) for labels in page[rule.metric])}


def _holds(rule: Rule, page: Samples, labels: Labels) -> bool:
    if rule.label is not None and dict(labels)[rule.label] not in rule.values:
        return False
    value = page[rule.metric][labels]
    if rule.by is not None:
        divisor = page[rule.by][labels]
        value = value / divisor if divisor else 0.0
    return HOW[rule.how](value, rule.limit)
