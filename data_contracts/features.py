"""The ordered table of features; a name's position in it is its position in every context vector."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from data_contracts.durations import DAY_S, HOUR_S

TOP = 32  # lists of the served row are capped, so counts over them saturate here


class Source(StrEnum):
    """Where a feature's facts come from; every source but the clock needs the person's consent."""

    TASKS = "tasks"
    CALENDAR = "calendar"
    HABITS = "habits"
    MOOD = "mood"
    CONTEXT = "context"
    TIPS = "tips"
    CLOCK = "clock"


CONSENT_SIGNALS: tuple[Source, ...] = tuple(source for source in Source if source is not Source.CLOCK)


@dataclass(frozen=True, slots=True)
class SourceContract:
    """How long a source's facts live online, and how old they may be before they are masked."""

    ttl_s: int
    fresh_s: int
    purpose: str


SOURCES: dict[Source, SourceContract] = {
    Source.TASKS: SourceContract(90 * DAY_S, 14 * DAY_S, "to suggest what is due and fits"),
    Source.CALENDAR: SourceContract(30 * DAY_S, 7 * DAY_S, "to stay silent in meetings and know free time"),
    Source.HABITS: SourceContract(60 * DAY_S, 14 * DAY_S, "to protect a streak and to suggest a missed habit"),
    Source.MOOD: SourceContract(30 * DAY_S, 3 * DAY_S, "to match a tip's weight to the day"),
    Source.CONTEXT: SourceContract(2 * DAY_S, 4 * HOUR_S, "to match a tip to place, device and focus"),
    Source.TIPS: SourceContract(90 * DAY_S, 90 * DAY_S, "to learn from reactions and not to repeat"),
    Source.CLOCK: SourceContract(DAY_S, DAY_S, "local time; no personal fact"),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One number of the context vector: float64 in [low, high], scaled to [0, 1] linearly or by log1p."""

    name: str
    source: Source
    unit: str
    low: float
    high: float
    why: str
    scale: Literal["linear", "log"] = "linear"

    @property
    def ttl_s(self) -> int:
        """Seconds after which the online value no longer exists."""
        return SOURCES[self.source].ttl_s

    @property
    def fresh_s(self) -> int:
        """Seconds after which a value is stale and masked in the vector."""
        return SOURCES[self.source].fresh_s


def _table() -> tuple[Feature, ...]:
    t, c, h = Source.TASKS, Source.CALENDAR, Source.HABITS
    m, x, p, k = Source.MOOD, Source.CONTEXT, Source.TIPS, Source.CLOCK
    return (
        Feature("tasks_open", t, "count", 0, 5_000, "a long list asks for triage", "log"),
        Feature("tasks_high_priority", t, "count", 0, 500, "what matters most is waiting", "log"),
        Feature("tasks_overdue", t, "count", 0, TOP, "overdue work weighs on the day", "log"),
        Feature("tasks_due_today", t, "count", 0, TOP, "due before local midnight", "log"),
        Feature("tasks_due_2h", t, "count", 0, TOP, "due within two hours", "log"),
        Feature("minutes_to_next_due", t, "minutes", 0, 10_080, "time left before the next due task", "log"),
        Feature("oldest_open_days", t, "days", 0, 365, "a task that never moves", "log"),
        Feature("tasks_done_24h", t, "count", 0, TOP, "momentum of the day", "log"),
        Feature("tasks_done_7d", t, "count", 0, 2 * TOP, "momentum of the week", "log"),
        Feature("in_event", c, "bool", 0, 1, "now is inside a busy event"),
        Feature("free_gap_min", c, "minutes", 0, 720, "free minutes before the next busy event", "log"),
        Feature("minutes_since_event", c, "minutes", 0, 1_440, "time since the last busy event ended", "log"),
        Feature("events_left_today", c, "count", 0, TOP, "how much of the day is spoken for", "log"),
        Feature("busy_min_left_today", c, "minutes", 0, 720, "busy minutes before local midnight"),
        Feature("busy_min_next_24h", c, "minutes", 0, 1_440, "weight of the coming day"),
        Feature("longest_gap_12h_min", c, "minutes", 0, 720, "room for deep work in the next 12 hours"),
        Feature("habits_tracked", h, "count", 0, 16, "habits logged in the last 14 days"),
        Feature("habits_left_today", h, "count", 0, 16, "tracked habits not yet logged today"),
        Feature("habits_logged_7d", h, "count", 0, 112, "regularity of the week", "log"),
        Feature("best_streak_days", h, "days", 0, 14, "longest current streak"),
        Feature("streak_at_risk", h, "bool", 0, 1, "a streak of 3 days or more ends at midnight"),
        Feature("hours_since_habit", h, "hours", 0, 336, "time since the last logged habit", "log"),
        Feature("mood_last", m, "1..5", 1, 5, "the last reported mood"),
        Feature("mood_mean_7d", m, "1..5", 1, 5, "the mood of the week"),
        Feature("mood_change", m, "difference", -4, 4, "last mood against the week"),
        Feature("energy_last", m, "1..5", 1, 5, "the last reported energy"),
        Feature("energy_mean_7d", m, "1..5", 1, 5, "the energy of the week"),
        Feature("hours_since_mood", m, "hours", 0, 168, "age of the mood report", "log"),
        Feature("on_phone", x, "bool", 0, 1, "the person holds a phone"),
        Feature("on_desktop", x, "bool", 0, 1, "the person sits at a desktop"),
        Feature("at_home", x, "bool", 0, 1, "the person is at home"),
        Feature("at_work", x, "bool", 0, 1, "the person is at work"),
        Feature("focus_mode", x, "bool", 0, 1, "the device's focus mode is on"),
        Feature("minutes_in_place", x, "minutes", 0, 720, "time since the place last changed", "log"),
        Feature("tips_shown_24h", p, "count", 0, TOP, "tips seen in the last day"),
        Feature("tips_done_7d", p, "count", 0, TOP, "tips followed in the last week", "log"),
        Feature("not_now_24h", p, "count", 0, TOP, "deferrals of the last day", "log"),
        Feature("not_for_me_30d", p, "count", 0, TOP, "rejections of the last month", "log"),
        Feature("done_share_30d", p, "share", 0, 1, "done among answered tips, with one of each as prior"),
        Feature("hours_since_tip", p, "hours", 0, 168, "time since the last tip was seen", "log"),
        Feature("hour_sin", k, "sine", -1, 1, "time of day on the circle"),
        Feature("hour_cos", k, "cosine", -1, 1, "time of day on the circle"),
        Feature("is_weekend", k, "bool", 0, 1, "Saturday or Sunday"),
        Feature("minutes_awake", k, "minutes", 0, 1_440, "minutes since quiet hours ended"),
        Feature("minutes_to_quiet", k, "minutes", 0, 1_440, "minutes until quiet hours begin"),
    )


FEATURES: tuple[Feature, ...] = _table()
POSITION: dict[str, int] = {feature.name: index for index, feature in enumerate(FEATURES)}
FEATURE_SERVICE = "tip_context"
FEATURE_SERVICE_VERSION = 1
