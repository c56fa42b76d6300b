"""The catalogue of tips: read and validated from `catalogue.toml`, and the source that binds them."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from data_contracts.durations import DAY_MIN, MINUTE_US
from data_contracts.errors import Malformed
from data_contracts.features import FEATURES, POSITION
from data_contracts.identifiers import CandidateId, ClusterId, from_us
from data_contracts.tips import MAX_TEXT, Candidate, Condition, TipKind, Topic
from serving.candidates.phrasing import EARLY_SLOTS, LATE_WIDTH, LEAST_TITLE, TITLE_SLOTS, fill_early, slots, title_room
from serving.candidates.subjects import SELECTORS, Subject, Surroundings, subjects

CATALOGUE = Path(__file__).with_name("catalogue.toml")
SOURCE = "catalogue"
DEFAULT_LASTS_MIN = 120
UNBOUND_US = 6 * 60 * MINUTE_US  # how long a tip about the day itself stays in a pool


@dataclass(frozen=True, slots=True)
class Template:
    """One entry of the catalogue; `source/catalogue.toml` explains the fields."""

    id: str
    text: str
    kind: TipKind
    topic: Topic
    effort_min: int
    cluster: ClusterId
    about: str | None
    conditions: tuple[Condition, ...]
    from_min: int
    until_min: int
    lasts_min: int
    why: str


@cache
def catalogue() -> Mapping[str, Template]:
    """Return the checked catalogue by template id, in its own order; raises `Malformed` for an unsound entry."""
    rows = tomllib.loads(CATALOGUE.read_text("utf-8"))["tip"]
    found: dict[str, Template] = {}
    for row in rows:
        template = _template(row)
        if template.id in found:
            raise Malformed(f"the catalogue holds {template.id!r} twice")
        found[template.id] = template
    return MappingProxyType(found)


def _template(row: dict[str, Any]) -> Template:
    text = row["text"]
    wanted: dict[str, tuple[float, float]] = row.get("when", {})
    start, end = row.get("hours", ("00:00", "24:00"))
    template = Template(
        id=row["id"],
        text=text,
        kind=TipKind(row["kind"]),
        topic=Topic(row["topic"]),
        effort_min=row["effort_min"],
        cluster=ClusterId(row["cluster"]),
        about=row.get("about"),
        conditions=tuple(Condition(name, float(low), float(high)) for name, (low, high) in wanted.items()),
        from_min=_minute(start),
        until_min=_minute(end),
        lasts_min=row.get("lasts_min", DEFAULT_LASTS_MIN),
        why=row["why"],
    )
    _check(template)
    return template


def _minute(face: str) -> int:
    hours, minutes = face.split(":")
    return int(hours) * 60 + int(minutes)


def _check(template: Template) -> None:
    """Raise `Malformed` when an entry could never be given, or would break a law of the catalogue."""
    used = slots(template.text)
    name = template.id
    if unknown := used - EARLY_SLOTS - LATE_WIDTH.keys():
        raise Malformed(f"tip {name!r} has slots that nothing fills: {sorted(unknown)}")
    if used & EARLY_SLOTS and template.about not in SELECTORS:
        raise Malformed(f"tip {name!r} speaks of a subject and names no known kind of one")
    if used & TITLE_SLOTS and title_room(template.text) < LEAST_TITLE:
        raise Malformed(f"tip {name!r} leaves no room for a title")
    if not used & TITLE_SLOTS and title_room(template.text) < 0:
        raise Malformed(f"tip {name!r} can exceed {MAX_TEXT} characters")
    if not 0 <= template.from_min < template.until_min <= DAY_MIN:
        raise Malformed(f"tip {name!r} fits at no time of the day")
    for condition in template.conditions:
        feature = FEATURES[POSITION[condition.feature]] if condition.feature in POSITION else None
        if feature is None or condition.low > condition.high:
            raise Malformed(f"tip {name!r} has an impossible condition on {condition.feature!r}")
        if condition.high < feature.low or condition.low > feature.high:
            raise Malformed(f"tip {name!r} asks {condition.feature!r} for a value it never has")


class Catalogue:
    """The candidate source that binds the catalogue's templates to a person's own tasks and habits."""

    name = SOURCE

    def candidates(self, seen: Surroundings) -> Iterable[Candidate]:
        """Yield every tip that is true now or within hours; a slot without a value means no candidate."""
        known: dict[str, list[Subject]] = {}
        for template in catalogue().values():
            if template.about is None:
                yield _bind(template, seen, template.text, None)
                continue
            if template.about not in known:
                known[template.about] = subjects(template.about, seen)
            yield from _bound(template, seen, known[template.about])


def _bound(template: Template, seen: Surroundings, found: Iterable[Subject]) -> Iterator[Candidate]:
    for subject in found:
        title = seen.titles[subject.key]
        text = fill_early(
            template.text,
            {
                "task": title,
                "habit": title,
                "streak": str(subject.streak),
                "effort": str(subject.effort_min),
            },
        )
        if text is not None:
            yield _bind(template, seen, text, subject)


def _bind(template: Template, seen: Surroundings, text: str, subject: Subject | None) -> Candidate:
    expires_us = subject.expires_us if subject else seen.now_us + UNBOUND_US
    return Candidate(
        id=CandidateId(f"{template.id}.{subject.key[:12]}" if subject else template.id),
        template=template.id,
        text=text,
        kind=template.kind,
        topic=template.topic,
        effort_min=(subject.effort_min if subject else 0) or template.effort_min,
        cluster=template.cluster,
        source=SOURCE,
        expires_at=from_us(expires_us),
        conditions=template.conditions,
        subject=subject.key if subject else None,
        due_us=subject.due_us if subject else None,
        priority=subject.priority if subject else 4,
        from_min=template.from_min,
        until_min=template.until_min,
        opens_at=from_us(subject.opens_us) if subject else None,
    )
