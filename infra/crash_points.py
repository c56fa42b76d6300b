"""Named places where a process can be told to die as if its power went: `OO_CRASH_AT=<point>:<n>`, for fault tests."""

import os
from collections import Counter
from functools import cache

from data_contracts.errors import Malformed

__all__ = ["POINTS", "reach"]

KILLED = 137
POINTS = (
    "before_insert",
    "after_insert",
    "after_commit",
    "after_pub_ack",
    "before_mark",
    "before_fold_commit",
    "before_ack",
)
_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Die without any clean-up when this is the named point and it is reached for the named time."""
    armed = _armed()
    if armed is None or armed[0] != point:
        return
    _reached[point] += 1
    if _reached[point] == armed[1]:
        os._exit(KILLED)


@cache
def _armed() -> tuple[str, int] | None:
    text = os.environ.get("OO_CRASH_AT")
    if not text:
        return None
    point, _, times = text.partition(":")
    if point not in POINTS or not times.isdigit() or times == "0":
        raise Malformed(f"OO_CRASH_AT must read <point>:<n> with one of {', '.join(POINTS)}, not {text!r}")
    return point, int(times)
