"""Which modules are held against which tests, and which mutants no test can tell from the source."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

# what runs long and says nothing of the module is left out
ONE_DATABASE = ("-k", "not postgresql")  # what is judged here is the same on both, and SQLite opens faster

ALWAYS_OPEN = "any instant since 1970 is later"
ONE_KEY = "all facts of this log have one key, so there is never a second"
ONE_ROW = "newest and latest are made of one row, so both are there or neither is; the type checker asks for each"
FOR_FAULTS = "does nothing but where a fault test arms it; tests/faults kills processes there"
QUESTION = "how many ids one question holds decides nothing while it is below the limits of both databases"
DIRECTION = "the second number says only in which direction the next one lies"
NO_SEGMENT = "stands for no segment; its bound always passes, so nobody reads its name or its rows"
PLACE = "a name that is compared with itself only, and never kept"


class Target(NamedTuple):
    """A module, what pytest is given to judge its mutants, and the names of equivalent ones, each with the reason."""

    module: str
    tests: tuple[str, ...]
    equivalent: Mapping[str, str] = MappingProxyType({})


TARGETS: dict[str, tuple[Target, ...]] = {
    "eligibility": (
        Target(
            "serving/candidates/eligibility.py",
            ("tests/serving/test_speaking_rules.py",),
            {
                "prepare: ) if each.opens_at else 0 for each in candidates] → "
                ") if each.opens_at else 1 for each in candidates]": ALWAYS_OPEN,
                "prepare: ) if each.opens_at else 0 for each in candidates] → "
                ") if each.opens_at else -1 for each in candidates]": ALWAYS_OPEN,
            },
        ),
        Target("serving/recommend/speaking_rules.py", ("tests/serving/test_speaking_rules.py",)),
        Target(
            "serving/recommend/active_tip.py",
            ("tests/serving/test_active_tip.py",),
            {
                "without_deciding: held = newest.id if newest is not None and reason is Reason.SILENCE → "
                "held = newest.id if reason is Reason.SILENCE": ONE_ROW,
                "_active_tip: if newest is None or latest is None or newest → if latest is None or newest": ONE_ROW,
                "_active_tip: if newest is None or latest is None or newest.text_box is None  → "
                "if newest is None or newest.text_box is None ": ONE_ROW,
                "_still_true: if newest is None or words.needs & ~person.co → if words.needs & ~person.co": ONE_ROW,
                "_open_subjects: if mask >> SOURCE_BIT[Source.TASKS → if mask << SOURCE_BIT[Source.TASKS": (
                    "the bit of tasks is the lowest, and a shift by zero has no direction"
                ),
            },
        ),
    ),
    "fold": (
        Target(
            "feature_repo/state/fold.py",
            ("tests/feature_repo/test_fold.py",),
            {
                "module: TASK, INSTANCE = ('task', 'instance') → TASK, INSTANCE = ('task~', 'instance')": PLACE,
                "module: NCE = ('task', 'instance') → NCE = ('task', 'instance~')": PLACE,
                "module: oder(separators=(',', ':')) → oder(separators=(',', ':~'))": (
                    "values are a list, in which no colon stands between two of them"
                ),
                "WorkingState.__init__: T, _log(Source.CONTEXT, 1)), 'place': (Source.CON → "
                "T, _log(Source.CONTEXT, 2)), 'place': (Source.CON": ONE_KEY,
                "WorkingState.__init__: T, _log(Source.CONTEXT, 1)), 'shown': (Source.TIP → "
                "T, _log(Source.CONTEXT, 2)), 'shown': (Source.TIP": ONE_KEY,
                "WorkingState.__init__: SKS, _log(Source.TASKS, 1)), 'calendar_synced': ( → "
                "SKS, _log(Source.TASKS, 2)), 'calendar_synced': (": ONE_KEY,
                "WorkingState.__init__: , _log(Source.CALENDAR, 1))} → , _log(Source.CALENDAR, 2))}": ONE_KEY,
            },
        ),
        Target(
            "feature_repo/state/capped_log.py",
            ("tests/feature_repo/test_capped_log.py",),
            {
                "CappedLog.put: if old is None and len(entries) >= self._cap and (entry < entries[0]) → "
                "if len(entries) >= self._cap and entry < entries[0]": (
                    "a fact that is newer than the one of its key is newer than the oldest of all"
                ),
                "CappedLog.put: = self._cap and (entry < entries[0]) → = self._cap and (entry <= entries[0])": (
                    "an equal fact has the same key, and has returned before"
                ),
                "CappedLog.put: if not entries or entry > entries[-1] → if not entries": (
                    "a shortcut; insertion puts the newest at the end as well"
                ),
                "CappedLog.put: f not entries or entry > entries[-1] → f not entries or entry >= entries[-1]": (
                    "an equal fact has returned before"
                ),
                "CappedLog._trim: if len(entries) <= self._cap and entries[0 → "
                "if len(entries) < self._cap and entries[0": (
                    "a shortcut; of a log that is just full and fresh nothing is dropped"
                ),
                "CappedLog._trim: n(entries) - self._cap, 0) → n(entries) - self._cap, 1)": (
                    "past the shortcut the log is too long or its oldest has expired, so one goes at least"
                ),
            },
        ),
    ),
    "outbox": (
        Target(
            "infra/database/events/outbox.py",
            ("tests/infra/database/test_events.py", *ONE_DATABASE),
            {
                "module: IDS = 500 → IDS = 501": QUESTION,
                "module: IDS = 500 → IDS = 499": QUESTION,
                "insert: crash_point('before_insert') → pass": FOR_FAULTS,
                "insert: ash_point('before_insert') → ash_point('before_insert~')": FOR_FAULTS,
                "insert: crash_point('after_insert') → pass": FOR_FAULTS,
                "insert: rash_point('after_insert') → rash_point('after_insert~')": FOR_FAULTS,
            },
        ),
    ),
    "gate": (
        Target(
            "models/promotion/gate.py",
            ("tests/models/test_gate.py", "tests/models/test_promotion.py", "-k", "not a_champion"),
            {
                "module:  math.nextafter(0.0, 1.0) →  math.nextafter(0.0, 1.05)": DIRECTION,
                "module: O = math.nextafter(0.0, 1.0) → O = math.nextafter(0.0, 0.95)": DIRECTION,
                "_worst:  default=Segment('nobody', 0, math.inf)) → "
                " default=Segment('nobody~', 0, math.inf))": NO_SEGMENT,
                "_worst: fault=Segment('nobody', 0, math.inf)) → fault=Segment('nobody', 1, math.inf))": NO_SEGMENT,
                "_worst: fault=Segment('nobody', 0, math.inf)) → fault=Segment('nobody', -1, math.inf))": NO_SEGMENT,
            },
        ),
    ),
}
