"""The text of a chosen tip: its sentence at this minute, why it, and why now; each phrase is a fact it needed."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import MappingProxyType

from data_contracts.clock_face import clock_face
from data_contracts.features import FEATURES, POSITION, Source
from data_contracts.tips import Candidate
from serving.candidates.catalogue import catalogue
from serving.candidates.eligibility import needs_of
from serving.candidates.phrasing import due_phrase, fill_late, slots
from serving.candidates.subjects import SELECTORS, SOURCE_BIT
from serving.recommend.local_time import minute_of_day
from serving.recommend.scorer import Situation
from serving.recommend.sealed_tip import Words
from serving.recommend.speaking_rules import next_event_us

WRITTEN_WHY = "It fits what your signals say right now."
FACTS = 2  # phrases of `why_now`
ROUND_MIN = 5
COUNTS = MappingProxyType(
    {
        "open": "tasks_open",
        "overdue": "tasks_overdue",
        "due_today": "tasks_due_today",
        "oldest": "oldest_open_days",
        "left": "events_left_today",
    }
)


def words_of(candidate: Candidate, situation: Situation) -> Words | None:
    """Return everything that is said of a tip; None when its sentence cannot be finished."""
    text = sentence(candidate, situation)
    if text is None:
        return None
    return Words(
        candidate.id,
        text,
        candidate.kind,
        candidate.topic,
        candidate.effort_min,
        why(candidate),
        why_now(candidate, situation),
        sources_of(candidate),
    )


def sources_of(candidate: Candidate) -> int:
    """Return the consent bits of every source that a tip speaks from; the clock needs none."""
    if candidate.template in catalogue():
        return _sources_of_template(candidate.template)
    return _bits([condition.feature for condition in needs_of(candidate.text, candidate.conditions)])


@cache
def _sources_of_template(name: str) -> int:
    template = catalogue()[name]
    bits = _bits([condition.feature for condition in needs_of(template.text, template.conditions)])
    return bits if template.about is None else bits | 1 << SOURCE_BIT[SELECTORS[template.about][0]]


def _bits(features: Iterable[str]) -> int:
    sources = {FEATURES[POSITION[feature]].source for feature in features} - {Source.CLOCK}
    return sum(1 << SOURCE_BIT[source] for source in sources)


def sentence(candidate: Candidate, situation: Situation) -> str | None:
    """Return the finished text; None when a slot has no value, which eligibility excludes."""
    return fill_late(candidate.text, _late_values(candidate, situation))


def why(candidate: Candidate) -> str:
    """Return why this tip: the reason that its template was written for."""
    template = catalogue().get(candidate.template)
    return template.why if template else WRITTEN_WHY


def why_now(candidate: Candidate, situation: Situation) -> str:
    """Return at most two facts that make this the moment, such as `Due today; free until 15:00`."""
    said = list(dict.fromkeys(_facts(candidate, situation)))[:FACTS]
    text = "; ".join(said)
    return text[:1].upper() + text[1:]


def _late_values(candidate: Candidate, situation: Situation) -> dict[str, str]:
    """Return the values of the slots that the sentence has open."""
    open_slots = slots(candidate.text)
    values: dict[str, str] = {}
    for slot in open_slots & COUNTS.keys():
        values[slot] = str(int(_value(situation, COUNTS[slot])))
    if "gap" in open_slots:
        minutes = int(_value(situation, "free_gap_min"))
        values["gap"] = str(minutes - minutes % ROUND_MIN if minutes > 2 * ROUND_MIN else minutes)
    if "until" in open_slots and (until := _until(situation)):
        values["until"] = until
    if "due" in open_slots and candidate.due_us is not None:
        values["due"] = due_phrase(candidate.due_us, situation.now_us, situation.zone)
    if "bed" in open_slots:
        values["bed"] = clock_face(situation.moment.quiet_start_min)
    return values


def _value(situation: Situation, feature: str) -> float:
    return float(situation.vector.values[POSITION[feature]])


def _known(situation: Situation, feature: str) -> bool:
    return not situation.vector.masked[POSITION[feature]]


def _until(situation: Situation) -> str | None:
    event_us = next_event_us(situation.moment)
    return None if event_us is None else clock_face(minute_of_day(event_us, situation.zone))


def _facts(candidate: Candidate, situation: Situation) -> list[str]:
    facts = []
    if candidate.due_us is not None:
        facts.append(due_phrase(candidate.due_us, situation.now_us, situation.zone))
    for condition in candidate.conditions:
        phrase = PHRASES.get(condition.feature)
        if phrase is not None and (said := phrase(situation, _value(situation, condition.feature))):
            facts.append(said)
    until = _until(situation)
    same_day = until is not None and _value(situation, "events_left_today") > 0
    if _known(situation, "free_gap_min") and same_day:
        facts.append(f"free until {until}")
    facts.append(f"it is {clock_face(minute_of_day(situation.now_us, situation.zone))}")
    return facts


def _count(one: str, many: str) -> Callable[[Situation, float], str]:
    return lambda _, value: one if int(value) == 1 else many.format(int(value)) if value >= 1 else ""


def _when(on: str, off: str = "") -> Callable[[Situation, float], str]:
    return lambda _, value: on if value else off


def _free(situation: Situation, _value: float) -> str:
    until = _until(situation)
    return f"free until {until}" if until and _known(situation, "events_left_today") else "nothing on the calendar"


def _level(word: str) -> Callable[[Situation, float], str]:
    low, high = 2, 4
    return lambda _, value: f"{word} {'low' if value <= low else 'high' if value >= high else 'in the middle'}"


def _quiet(situation: Situation, _value: float) -> str:
    return f"quiet hours begin at {clock_face(situation.moment.quiet_start_min)}"


PHRASES: Mapping[str, Callable[[Situation, float], str]] = MappingProxyType(
    {
        "free_gap_min": _free,
        "tasks_open": _count("one open task", "{} open tasks"),
        "tasks_overdue": _count("one task is overdue", "{} tasks are overdue"),
        "tasks_due_today": _count("one task is due today", "{} tasks are due today"),
        "tasks_done_24h": _count("one task done in the last day", "{} tasks done in the last day"),
        "tasks_done_7d": _count("one task done this week", "{} tasks done this week"),
        "oldest_open_days": _count("the oldest is a day old", "the oldest is {} days old"),
        "minutes_since_event": lambda _, value: f"your last event ended {_minutes(value)} ago",
        "events_left_today": _count("one event left today", "{} events left today"),
        "busy_min_left_today": lambda _, value: f"{_minutes(value)} of events left today" if value >= 1 else "",
        "busy_min_next_24h": lambda _, value: f"{_minutes(value)} of events in the next 24 hours" if value >= 1 else "",
        "longest_gap_12h_min": lambda _, value: f"the longest gap is {_minutes(value)}",
        "streak_at_risk": _when("the streak ends at midnight"),
        "habits_left_today": _count("one habit left today", "{} habits left today"),
        "mood_last": _level("mood"),
        "energy_last": _level("energy"),
        "mood_change": lambda _, value: "mood below your week" if value < 0 else "",
        "mood_mean_7d": lambda _, value: f"the week's mood averages {value:.1f}",
        "energy_mean_7d": lambda _, value: f"the week's energy averages {value:.1f}",
        "hours_since_mood": lambda _, value: f"last check-in {_minutes(value * 60)} ago",
        "on_phone": _when("phone in hand"),
        "on_desktop": _when("at the desktop"),
        "at_home": _when("at home"),
        "at_work": _when("at work"),
        "minutes_in_place": lambda _, value: f"in one place for {_minutes(value)}",
        "is_weekend": _when("it is the weekend"),
        "minutes_to_quiet": _quiet,
        "minutes_awake": lambda _, value: f"{_minutes(value)} into your day",
    }
)


def _minutes(value: float) -> str:
    hour, two_hours = 60, 120
    minutes = round(value)
    if minutes < two_hours:
        return "one minute" if minutes == 1 else f"{minutes} minutes"
    return f"{round(minutes / hour)} hours"
