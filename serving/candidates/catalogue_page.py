"""Writes the catalogue as a page: `python -m serving.candidates.catalogue_page` writes docs/tips.md."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from data_contracts.durations import DAY_MIN
from data_contracts.features import FEATURES, POSITION
from data_contracts.tips import Condition, Topic
from serving.candidates.catalogue import Template, catalogue

PAGE = Path(__file__).parents[2] / "docs" / "tips.md"
ABOUT = {
    "task.due_2h": "a task due within two hours",
    "task.due_today": "a task due today",
    "task.due_tomorrow": "a task due tomorrow",
    "task.due_soon": "a task due within three days",
    "task.due_week": "a task due in two to seven days",
    "task.overdue": "an overdue task",
    "task.priority": "a task of the highest priority, due within a week",
    "task.small": "a task of at most 15 minutes, due within a week",
    "task.undated": "a task without a date",
    "habit.left": "a habit not logged today",
    "habit.any": "a tracked habit",
    "habit.streak": "a habit logged on three days or more in a row, and not today",
    "habit.lapsed": "a habit not logged for three days",
}


def render() -> str:
    """Return the page."""
    tips = list(catalogue().values())
    clusters = len({tip.cluster for tip in tips})
    head = (
        "# Every tip that oO can give\n\n"
        f"{len(tips)} tips in {clusters} clusters of meaning. A tip is at most 90 characters once its slots are filled "
        "from the person's own\nsignals; a slot without a value means that the tip is not given. What is given when is "
        "for the policy to choose, among\nthe tips that fit. This page is written by "
        "`python -m serving.candidates.catalogue_page` and compared by a test.\n"
    )
    order = list(Topic)
    groups = groupby(sorted(tips, key=lambda tip: order.index(tip.topic)), key=lambda tip: tip.topic)
    return head + "".join(
        f"\n## {topic.value.capitalize()}\n\n{''.join(map(_entry, entries))}" for topic, entries in groups
    )


def _entry(tip: Template) -> str:
    return (
        f"- **{tip.text}**\n"
        f"  `{tip.id}`, {tip.kind}, {tip.effort_min} min, cluster `{tip.cluster}`. {tip.why}\n"
        f"  When: {'; '.join(_when(tip))}.\n"
    )


def _when(tip: Template) -> Iterator[str]:
    if tip.about:
        yield f"there is {ABOUT[tip.about]}"
    if (tip.from_min, tip.until_min) != (0, DAY_MIN):
        yield f"from {_face(tip.from_min)} to {_face(tip.until_min)}"
    yield from map(_condition, tip.conditions)
    if not (tip.about or tip.conditions):
        yield "at any time"


def _face(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _condition(condition: Condition) -> str:
    feature = FEATURES[POSITION[condition.feature]]
    low, high = condition.low, condition.high
    if feature.unit == "bool":
        return f"`{feature.name}`" if low else f"not `{feature.name}`"
    if low == high:
        return f"`{feature.name}` is {low:g}"
    if high >= feature.high:
        return f"`{feature.name}` ≥ {low:g}"
    if low <= feature.low:
        return f"`{feature.name}` ≤ {high:g}"
    return f"`{feature.name}` {low:g} to {high:g}"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
