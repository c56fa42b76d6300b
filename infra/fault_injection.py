"""Named points at which a process kills itself for fault tests: `OO_CRASH_AT=<point>:<n>`."""

import os
from collections import Counter
from functools import cache

from data_contracts.errors import Malformed

__all__ = ["POINTS", "PROMOTION_POINTS", "STREAM_POINTS", "crash_point"]

KILLED = 137
STREAM_POINTS = (
    "before_insert",
    "after_insert",
    "after_commit",
    "after_pub_ack",
    "before_mark",
    "before_fold_commit",
    "before_ack",
)
PROMOTION_POINTS = (
    "policy_saved",  # the artifact is in its folder and not registered
    "policy_logged",  # the registry has its files, and no version of them
    "policy_registered",  # the registry has a version, the database has no row
    "challenger_in_shadow",  # the database has the row, the alias is old
    "champion_fetched",  # the verdict is for it, the slot is old
    "champion_swapped",  # the slot is new, the alias is old
)
ROTATION_POINTS = (
    "master_key_kept",  # the old key lies among the older ones
    "master_key_announced",  # the home accepts the new one
    "master_key_replaced",  # the new one is the current one, the database names the old one
    "person_key_wrapped",  # some are wrapped by the new one, some by the old one
    "master_key_recorded",  # the database names the new one, nothing is wrapped by it
    "policy_key_kept",  # the old public half lies among the older ones
    "policy_key_replaced",  # the private half is new, the public one old
    "policy_key_recorded",  # the pair is new, policies bear the old signature
)
POINTS = (*STREAM_POINTS, *PROMOTION_POINTS, *ROTATION_POINTS)
_reached: Counter[str] = Counter()


def crash_point(point: str) -> None:
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
