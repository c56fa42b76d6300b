"""What a long run measured, and what of it may not grow."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.soak.mixed_load import Timed

MB = 1 << 20
WARM_SHARE = 0.2  # of a run, at most `WARM_S`
WARM_S = 600.0
SLOPE_MB_H = 1.0
LONG_S = 1_800.0  # of a shorter run memory and latencies are noise, and are not judged
MORE_DESCRIPTORS, MORE_THREADS = 12, 4
LOG_BYTES = {"app.db-wal": 96 * MB, "online.db-wal": 24 * MB, "server.log": MB}
P99_FACTOR, P99_SLACK_S = 2.0, 0.1


class Sample(NamedTuple):
    """One look at one process and the files of its home."""

    at_s: float
    rss_bytes: int
    descriptors: int
    threads: int
    logs: dict[str, int]


def look(pid: int, at_s: float, logs: dict[str, Path]) -> Sample:
    """Look at a process and at its logs; raises `FileNotFoundError` when it has ended."""
    proc = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
    sizes = {name: path.stat().st_size if path.exists() else 0 for name, path in logs.items()}
    descriptors = len(list((proc / "fd").iterdir()))
    return Sample(at_s, int(status["VmRSS"].split()[0]) << 10, descriptors, int(status["Threads"]), sizes)


@dataclass(frozen=True)
class Verdict:
    """The figures of a run and what is wrong with them."""

    figures: dict[str, Any]
    wrong: list[str]


def judge(samples: Sequence[Sample], timed: Sequence[Timed], statuses: dict[int, int]) -> Verdict:
    """Compare what was seen behind the warm-up with what may not grow."""
    seconds = samples[-1].at_s
    warm_s = min(seconds * WARM_SHARE, WARM_S)
    steady = [sample for sample in samples if sample.at_s >= warm_s]
    slope = _slope_mb_h(steady)
    descriptors = _grown([sample.descriptors for sample in steady])
    threads = _grown([sample.threads for sample in steady])
    logs = {name: max(sample.logs[name] for sample in samples) for name in samples[0].logs}
    first, last = _p99_of_thirds([one for one in timed if one.due_s >= warm_s])
    failed = {status: count for status, count in statuses.items() if not 200 <= status < 300}
    laws = {
        f"memory grows by {slope:.2f} MB/h": seconds >= LONG_S and slope >= SLOPE_MB_H,
        f"{descriptors} descriptors more": descriptors > MORE_DESCRIPTORS,
        f"{threads} threads more": threads > MORE_THREADS,
        f"p99 went from {first:.3f} to {last:.3f} s": seconds >= LONG_S and last > first * P99_FACTOR + P99_SLACK_S,
        f"answers {failed}": bool(failed),
    } | {f"{name} reached {size} bytes": size > LOG_BYTES[name] for name, size in logs.items()}
    figures = {
        "seconds": round(seconds),
        "answers": sum(statuses.values()),
        "failed": failed,
        "rss_mb": {"first": steady[0].rss_bytes / MB, "last": steady[-1].rss_bytes / MB},
        "rss_slope_mb_per_h": slope if seconds >= LONG_S else None,
        "descriptors": {"first": steady[0].descriptors, "more": descriptors},
        "threads": {"first": steady[0].threads, "more": threads},
        "log_bytes": logs,
        "p99_s": {"first_third": first, "last_third": last},
    }
    return Verdict(figures, [law for law, broken in laws.items() if broken])


def _slope_mb_h(samples: Sequence[Sample]) -> float:
    if len(samples) < 3:  # a line through two points says nothing
        return 0.0
    hours = np.array([sample.at_s for sample in samples]) / 3_600
    return float(np.polyfit(hours, np.array([sample.rss_bytes for sample in samples]) / MB, 1)[0])


def _grown(values: Sequence[int]) -> int:
    """Return by how much the last third's median is above the first third's."""
    third = max(len(values) // 3, 1)
    return round(float(np.median(values[-third:]) - np.median(values[:third])))


def _p99_of_thirds(timed: Sequence[Timed]) -> tuple[float, float]:
    took = [one.took_s for one in timed]
    third = max(len(took) // 3, 1)
    return float(np.percentile(took[:third], 99)), float(np.percentile(took[-third:], 99))
