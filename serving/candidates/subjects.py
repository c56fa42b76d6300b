"""Subjects: tasks and habits of the served row that a tip can be bound to, and when each binding holds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from zoneinfo import ZoneInfo

from data_contracts.durations import DAY_US, MINUTE_US
from data_contracts.features import Source
from data_contracts.identifiers import SubjectKey
from data_contracts.served import ServedRow
from serving.candidates.phrasing import due_day_us
from serving.recommend.local_time import day_start_us

HORIZON_US = 3 * 60 * MINUTE_US  # bindings that begin within this are prepared as well
MOST = 3  # subjects of one kind: more would crowd out the rest of the pool
SMALL_MIN = 15
STREAK_DAYS = 3
LAPSED_DAYS = 3
TRACKED_DAYS = 14
FAR_US = 30 * DAY_US


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What candidates are made from: the served row, the titles that sources still know, time and place of reading."""

    row: ServedRow
    titles: Mapping[SubjectKey, str]
    now_us: int
    zone: ZoneInfo
    consent_mask: int

    def granted(self, source: Source) -> bool:
        """Return whether the person lets oO use this source."""
        return bool(self.consent_mask >> SOURCE_BIT[source] & 1)


@dataclass(frozen=True, slots=True)
class Subject:
    """One task or habit, and the span in which the binding is true."""

    key: SubjectKey
    opens_us: int
    expires_us: int
    due_us: int | None = None
    priority: int = 4
    effort_min: int = 0
    streak: int = 0


SOURCE_BIT: Mapping[Source, int] = MappingProxyType({source: bit for bit, source in enumerate(Source)})


def _tasks(seen: Surroundings) -> Iterator[Subject]:
    """Yield the dated open tasks, soonest due first, open at any time."""
    tasks = seen.row.tasks
    rows = zip(tasks.due_keys, tasks.due_us, tasks.due_priorities, tasks.due_efforts_min, strict=True)
    for key, due_us, priority, effort in rows:
        yield Subject(SubjectKey(key), 0, due_us, due_us, priority, effort)


def _spanned(task: Subject, opens_us: int, expires_us: int) -> Subject:
    return Subject(task.key, opens_us, expires_us, task.due_us, task.priority, task.effort_min)


def _window(first_day: int, last_day: int) -> Callable[[Surroundings], Iterator[Subject]]:
    """Return a selector of tasks from `first_day` to `last_day` local days before the day they are due."""

    def select(seen: Surroundings) -> Iterator[Subject]:
        for task in _tasks(seen):
            due_us = task.expires_us
            day_us = due_day_us(due_us, seen.zone)
            opens = day_start_us(day_us, seen.zone, -last_day)
            closes = due_us if first_day == 0 else day_start_us(day_us, seen.zone, 1 - first_day)
            yield _spanned(task, opens, min(due_us, closes))

    return select


def _due_2h(seen: Surroundings) -> Iterator[Subject]:
    for task in _tasks(seen):
        yield _spanned(task, task.expires_us - 120 * MINUTE_US, task.expires_us)


def _overdue(seen: Surroundings) -> Iterator[Subject]:
    for task in _tasks(seen):
        yield _spanned(task, task.expires_us, task.expires_us + FAR_US * 12)


def _priority(seen: Surroundings) -> Iterator[Subject]:
    return (task for task in _window(0, 7)(seen) if task.priority == 1)


def _small(seen: Surroundings) -> Iterator[Subject]:
    return (task for task in _window(0, 7)(seen) if 0 < task.effort_min <= SMALL_MIN)


def _undated(seen: Surroundings) -> Iterator[Subject]:
    for key in seen.row.tasks.undated_keys:
        yield Subject(SubjectKey(key), 0, seen.now_us + FAR_US)


def _logged_days(seen: Surroundings) -> dict[str, set[int]]:
    """Return, for each habit, how many local days ago it was logged (0 is today)."""
    habits = seen.row.habits
    starts = [day_start_us(seen.now_us, seen.zone, -back) for back in range(TRACKED_DAYS + 1)]
    days: dict[str, set[int]] = {key: set() for key in habits.habit_keys}
    for at_us, index in zip(habits.log_us, habits.log_habit, strict=True):
        back = next((back for back, start in enumerate(starts) if at_us >= start), None)
        if back is not None:
            days[habits.habit_keys[index]].add(back)
    return days


def _habits(seen: Surroundings, wanted: Callable[[set[int]], bool]) -> Iterator[Subject]:
    midnight = day_start_us(seen.now_us, seen.zone, 1)
    today = day_start_us(seen.now_us, seen.zone)
    for key, days in _logged_days(seen).items():
        if days and wanted(days):
            yield Subject(SubjectKey(key), today, midnight, streak=_streak(days))


def _streak(days: set[int]) -> int:
    """Return the run of logged days that ends yesterday."""
    run = 0
    while run + 1 in days:
        run += 1
    return run


def _longest_streaks(seen: Surroundings) -> Iterator[Subject]:
    found = _habits(seen, lambda days: 0 not in days and _streak(days) >= STREAK_DAYS)
    return iter(sorted(found, key=lambda habit: -habit.streak))


SELECTORS: Mapping[str, tuple[Source, Callable[[Surroundings], Iterator[Subject]]]] = MappingProxyType(
    {
        "task.due_2h": (Source.TASKS, _due_2h),
        "task.due_today": (Source.TASKS, _window(0, 0)),
        "task.due_tomorrow": (Source.TASKS, _window(1, 1)),
        "task.due_soon": (Source.TASKS, _window(0, 3)),
        "task.due_week": (Source.TASKS, _window(2, 7)),
        "task.overdue": (Source.TASKS, _overdue),
        "task.priority": (Source.TASKS, _priority),
        "task.small": (Source.TASKS, _small),
        "task.undated": (Source.TASKS, _undated),
        "habit.left": (Source.HABITS, lambda seen: _habits(seen, lambda days: 0 not in days)),
        "habit.any": (Source.HABITS, lambda seen: _habits(seen, bool)),
        "habit.streak": (Source.HABITS, _longest_streaks),
        "habit.lapsed": (Source.HABITS, lambda seen: _habits(seen, lambda days: min(days) >= LAPSED_DAYS)),
    }
)


def subjects(about: str, seen: Surroundings) -> list[Subject]:
    """Return up to `MOST` titled subjects of a kind whose binding holds now or soon; none without consent."""
    source, select = SELECTORS[about]
    if not seen.granted(source):
        return []
    found: list[Subject] = []
    for subject in select(seen):
        soon = subject.opens_us <= seen.now_us + HORIZON_US and subject.expires_us > seen.now_us
        if soon and subject.key in seen.titles:
            found.append(subject)
            if len(found) == MOST:
                break
    return found
