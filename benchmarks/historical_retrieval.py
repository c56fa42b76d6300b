"""`get_historical_features`: our offline store against Feast's DuckDB store, 1M history rows, 100k points, 36 features.

Each store runs in a process of its own, through the same Feast call, over the same rows; the peer gets them as one
Parquet file, which is the kindest form for it. Peak memory is counted above what the process held before the call.
The answers are compared value by value in the order in which they were asked.
"""

import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.result import Result
from data_contracts.durations import DAY_US

ROWS, POINTS, FEATURES, PERSONS = 1_000_000, 100_000, 36, 2_000
SPAN_US = 60 * DAY_US
BEGIN_US = 1_780_000_000_000_000
TTL = timedelta(days=5)
WARM_ROUNDS = 5
TARGET = 40
VIEW = "wide"
NAMES = [f"feature_{number:02}" for number in range(FEATURES)]


def _make(folder: Path) -> None:
    """Write the same history for both, and the points that are asked."""
    rng = np.random.default_rng(7)
    people = np.array([f"{number:032x}" for number in range(PERSONS)])
    time_type = pl.Datetime("us", "UTC")
    history = pl.DataFrame(
        {
            "person": people[rng.integers(0, PERSONS, ROWS)],
            "event_timestamp": pl.Series(BEGIN_US + rng.integers(0, SPAN_US, ROWS)).cast(time_type),
            "created_timestamp": pl.Series(np.arange(ROWS)).cast(time_type),
            **{name: rng.random(ROWS) for name in NAMES},
        }
    )
    from feature_repo.history.served_rows import History  # noqa: PLC0415 - the peer's process does not load ours

    History(folder / "history").append_frame(VIEW, history)
    history.write_parquet(folder / "history.parquet")
    asked = pl.DataFrame(
        {
            "point": np.arange(POINTS),
            "person": people[rng.integers(0, PERSONS, POINTS)],
            "event_timestamp": pl.Series(BEGIN_US + rng.integers(0, SPAN_US, POINTS)).cast(time_type),
        }
    )
    asked.write_parquet(folder / "asked.parquet")


def _store(folder: Path, which: str) -> Any:
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType  # noqa: PLC0415 - feast is slow
    from feast.repo_config import RegistryConfig  # noqa: PLC0415 - as above
    from feast.types import Float64, String  # noqa: PLC0415 - as above

    ours = "feature_repo.feast_store.offline_store.HistoryOfflineStore"
    config = RepoConfig(
        project="bench",
        provider="local",
        registry=RegistryConfig(path=str(folder / f"{which}-registry.db")),
        online_store={"type": "sqlite", "path": str(folder / f"{which}-online.db")},
        offline_store={"type": ours if which == "ours" else "duckdb"},
        entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    person = Entity(name="person", join_keys=["person"], value_type=ValueType.STRING)
    path = folder / "history" / VIEW if which == "ours" else folder / "history.parquet"
    source = FileSource(path=str(path), timestamp_field="event_timestamp", created_timestamp_column="created_timestamp")
    fields = [Field(name="person", dtype=String), *(Field(name=name, dtype=Float64) for name in NAMES)]
    view = FeatureView(name=VIEW, entities=[person], ttl=TTL, schema=fields, source=source)
    store.apply([person, view])
    return store


def _memory_kb(name: str) -> int:
    """Return a size from the kernel's account of this process; `ru_maxrss` would count the parent's memory too."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


def _measure(folder: Path, which: str, rounds: int) -> None:
    """Retrieve in this process; leave the times, the memory and the answer in the folder."""
    store = _store(folder, which)
    asked = pd.read_parquet(folder / "asked.parquet")
    references = [f"{VIEW}:{name}" for name in NAMES]
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew (proc(5))
    before_kb = _memory_kb("VmRSS")
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        answer = store.get_historical_features(asked, references).to_df()
        times.append(time.perf_counter() - begin)
    peak_gb = (_memory_kb("VmHWM") - before_kb) / 1024**2
    answer.sort_values("point")[["point", *NAMES]].to_parquet(folder / f"{which}.parquet")
    (folder / f"{which}.json").write_text(json.dumps({"times": times, "peak_gb": peak_gb}), encoding="utf-8")


def _in_process(folder: Path, which: str, rounds: int) -> dict[str, Any]:
    subprocess.run([sys.executable, "-m", __name__, str(folder), which, str(rounds)], check=True)
    told: dict[str, Any] = json.loads((folder / f"{which}.json").read_text(encoding="utf-8"))
    return told


def run() -> Result:
    """Measure our cold and warm retrieval against one retrieval of the peer."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make(folder)
        ours = _in_process(folder, "ours", 1 + WARM_ROUNDS)
        peer = _in_process(folder, "peer", 1)
        one, other = pl.read_parquet(folder / "ours.parquet"), pl.read_parquet(folder / "peer.parquet")
        filled = one[NAMES[0]].is_not_null().sum()
        equal = one.fill_nan(None).select("point", *NAMES).equals(other.fill_nan(None).select("point", *NAMES))
    warm_s = median(ours["times"][1:])
    return Result(
        name="historical_retrieval",
        ours=warm_s,
        peer=peer["times"][0],
        unit="s",
        ratio=peer["times"][0] / warm_s,
        target=TARGET,
        equal=equal,
        notes={
            "rows": ROWS,
            "points": POINTS,
            "features": FEATURES,
            "points_with_a_value": filled,
            "ours_is": "warm median",
            "ours_cold_s": ours["times"][0],
            "ours_peak_gb": ours["peak_gb"],
            "peer_peak_gb": peer["peak_gb"],
        },
    )


if __name__ == "__main__":
    _measure(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
