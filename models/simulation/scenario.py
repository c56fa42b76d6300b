"""A scenario: the parameters of a simulated world, read from a small YAML file.

Every number is on the scale of `models.simulation.answers`: log-odds unless a unit is named.
"""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from data_contracts.errors import Malformed

LAST = 1_000_000


@dataclass(frozen=True, slots=True)
class Scenario:
    """A world. The defaults are a calm one."""

    name: str = "calm"
    tips_a_day: int = 8  # decision points with candidates, for each person
    candidates: int = 10
    fatigue: float = 0.15  # log-odds lost for each tip already shown that day
    habituation: float = 0.25  # log-odds lost for each earlier tip of the same topic, fading
    habituation_days: float = 5.0  # half-life of that memory
    drift: float = 0.05  # standard deviation of a taste's step, a day
    delay_hours: float = 2.0  # mean delay of a reaction, exponential; nothing is learned before it comes
    missing: float = 0.1  # share of tips that are shown and never answered, whatever was thought of them
    event_days: tuple[int, ...] = ()  # days on which life turns for everybody: tastes are half redrawn
    events_a_month: float = 0.0  # days on which one person's life turns, on average: tastes and peak half redrawn
    turn_day: int | None = None  # on this day what was liked becomes disliked, and nothing new is liked
    tastes: float = 0.8  # standard deviation of tastes over people


def scenario_from(path: Path) -> Scenario:
    """Return the scenario of a YAML file; raises `Malformed` naming what is foreign or out of range."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise Malformed(f"{path.name} cannot be read as YAML: {error}") from error
    if not isinstance(data, dict):
        raise Malformed(f"{path.name} is not a table of names and numbers")
    known = {each.name for each in dataclasses.fields(Scenario)}
    foreign = sorted(map(str, set(data) - known))
    if foreign:
        raise Malformed(f"{path.name} has foreign keys {foreign}; known are {sorted(known)}")
    for name, value in data.items():
        if name not in ("name", "event_days", "turn_day"):
            _number(path.name, name, value)
    days = data.get("event_days", [])
    if not isinstance(days, list):
        raise Malformed(f"{path.name}: event_days is a list of days, not {days!r}")
    data["event_days"] = tuple(days)
    return checked(Scenario(**data))


def _number(file: str, name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Malformed(f"{file}: {name} is a number, not {value!r}")


def checked(scenario: Scenario) -> Scenario:
    """Return the scenario; raises `Malformed` for numbers that make no world."""
    for rule, sound in (
        ("name is a text", isinstance(scenario.name, str)),
        ("tips_a_day is a whole number from 1 to 48", _whole(scenario.tips_a_day, 1, 48)),
        ("candidates is a whole number from 1 to 100", _whole(scenario.candidates, 1, 100)),
        ("missing is in [0, 1)", 0.0 <= scenario.missing < 1.0),
        (
            "events_a_month is in [0, 30]",
            0.0 <= scenario.events_a_month <= 30.0,  # noqa: PLR2004 - a day has at most one
        ),
        (
            "delay_hours, drift, tastes, fatigue and habituation are at least 0",
            min(scenario.delay_hours, scenario.drift, scenario.tastes, scenario.fatigue, scenario.habituation) >= 0.0,
        ),
        ("habituation_days is above 0", scenario.habituation_days > 0.0),
        (
            "turn_day is a whole day from 0, or nothing",
            scenario.turn_day is None or _whole(scenario.turn_day, 0, 10**6),
        ),
        ("event_days are whole days from 0", all(_whole(day, 0, 10**6) for day in scenario.event_days)),
    ):
        if not sound:
            raise Malformed(f"the scenario breaks the rule: {rule}")
    return scenario


def _whole(value: Any, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
