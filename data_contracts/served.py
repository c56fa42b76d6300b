"""The served row: the small state of a person that Feast views hold and the hot path reads.

One class per source, one Feast view per class. Fields are integers, or tuples capped at the lengths of `CAPS`,
so the row stays small whatever the person does. Times are integer microseconds since the epoch, UTC.
"""

from typing import NamedTuple

from data_contracts.features import TOP, Source

BACKLOG = 12  # tasks that were overdue already at the newest fact about tasks

Ints = tuple[int, ...]
Texts = tuple[str, ...]


class ServedTasks(NamedTuple):
    """Open work: counts, the dated tasks around the newest fact, and the newest completions.

    The list of dated tasks is ascending by due time, then key. It begins `BACKLOG` tasks before the newest fact about
    tasks, so a long backlog cannot hide what is due next; `earlier_due_count` counts the tasks before the list.
    """

    # When the newest fact became known (the later of event time and arrival), or the source was last read completely;
    # 0 when there is neither.
    last_us: int = 0
    open_count: int = 0
    high_priority_count: int = 0  # open tasks of priority 1
    oldest_created_us: int = 0  # of the open tasks; 0 when unknown
    due_us: Ints = ()
    due_keys: Texts = ()
    due_priorities: Ints = ()
    due_efforts_min: Ints = ()  # 0 when unknown
    undated_keys: Texts = ()  # open tasks without due date, by (priority, oldest created, key)
    done_us: Ints = ()  # newest first
    done_keys: Texts = ()
    earlier_due_count: int = 0


class ServedCalendar(NamedTuple):
    """Merged busy intervals that touch [as_of - 1 day, as_of + 7 days], ascending."""

    last_us: int = 0  # as of tasks: what still holds is as fresh as the last word about it
    busy_start_us: Ints = ()
    busy_end_us: Ints = ()


class ServedHabits(NamedTuple):
    """The newest habit logs, newest first; `log_habit` indexes `habit_keys` (ascending)."""

    last_us: int = 0  # event time of the newest log, as in the views below; 0 when there is none
    habit_keys: Texts = ()
    log_us: Ints = ()
    log_habit: Ints = ()


class ServedMood(NamedTuple):
    """The newest mood reports, newest first; energy is 0 when it was not reported."""

    last_us: int = 0
    report_us: Ints = ()
    mood: Ints = ()
    energy: Ints = ()


class ServedContext(NamedTuple):
    """The newest device, place and focus mode (numbers of the event schema's enums; focus -1 when unknown)."""

    last_us: int = 0
    device: int = 0
    place: int = 0
    place_since_us: int = 0
    focus: int = -1


class ServedTips(NamedTuple):
    """The newest shown tips and the newest reactions, newest first; `reaction` holds the event schema's enum."""

    last_us: int = 0
    shown_us: Ints = ()
    shown_clusters: Texts = ()
    shown_unsolicited: Ints = ()
    reaction_us: Ints = ()
    reaction: Ints = ()
    reaction_clusters: Texts = ()


class ServedRow(NamedTuple):
    """All of a person that a decision reads, one part per source."""

    tasks: ServedTasks = ServedTasks()
    calendar: ServedCalendar = ServedCalendar()
    habits: ServedHabits = ServedHabits()
    mood: ServedMood = ServedMood()
    context: ServedContext = ServedContext()
    tips: ServedTips = ServedTips()


VIEWS: dict[Source, type[NamedTuple]] = {
    Source.TASKS: ServedTasks,
    Source.CALENDAR: ServedCalendar,
    Source.HABITS: ServedHabits,
    Source.MOOD: ServedMood,
    Source.CONTEXT: ServedContext,
    Source.TIPS: ServedTips,
}

CAPS: dict[str, int] = {
    "due_us": TOP,
    "due_keys": TOP,
    "due_priorities": TOP,
    "due_efforts_min": TOP,
    "undated_keys": TOP,
    "done_us": 2 * TOP,
    "done_keys": 2 * TOP,
    "busy_start_us": 2 * TOP,
    "busy_end_us": 2 * TOP,
    "habit_keys": 16,
    "log_us": 4 * TOP,
    "log_habit": 4 * TOP,
    "report_us": TOP,
    "mood": TOP,
    "energy": TOP,
    "shown_us": TOP,
    "shown_clusters": TOP,
    "shown_unsolicited": TOP,
    "reaction_us": 2 * TOP,
    "reaction": 2 * TOP,
    "reaction_clusters": 2 * TOP,
}
