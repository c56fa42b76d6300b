"""Tips: candidates, their kinds and topics, and the answer that a person sees."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from data_contracts.durations import DAY_MIN
from data_contracts.identifiers import CandidateId, ClusterId, SubjectKey

MAX_TEXT = 90


class TipKind(StrEnum):
    """An advice is taken in; a todo is done."""

    ADVICE = "advice"
    TODO = "todo"


class Topic(StrEnum):
    """What part of life a tip is about."""

    TASKS = "tasks"
    CALENDAR = "calendar"
    HABITS = "habits"
    MOOD = "mood"
    FOCUS = "focus"
    REST = "rest"
    MOVEMENT = "movement"
    SOCIAL = "social"
    LEARNING = "learning"


@dataclass(frozen=True, slots=True)
class Condition:
    """A feature must be present (not masked) and lie in [low, high], in the unit of the feature table."""

    feature: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One tip that could be given. `text` is personal: it is encrypted wherever it is kept.

    Slots in `text` whose values move with the clock (`{gap}`, `{until}`) are filled when the tip is given.
    """

    id: CandidateId
    template: str  # the catalogue entry or generator that made it
    text: str
    kind: TipKind
    topic: Topic
    effort_min: int
    cluster: ClusterId
    source: str  # "catalogue" or the name of another CandidateSource
    expires_at: datetime
    conditions: tuple[Condition, ...] = ()
    subject: SubjectKey | None = None  # the task, event or habit it speaks about
    due_us: int | None = None  # when its subject is due
    priority: int = 4  # of its subject, 1 (highest) to 4
    from_min: int = 0  # local minutes of the day between which it fits
    until_min: int = DAY_MIN
    opens_at: datetime | None = None  # not true before this
