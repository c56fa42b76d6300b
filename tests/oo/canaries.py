"""Unique words put into every input of a life, and a scan of every byte of a home for them."""

import csv
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

NAME = "canaryname7f3a"
TASK_TITLE = "canarytask91bc"
TASK_ID = "canarytaskid55"
HABIT = "canaryhabit4d2e"
POSTED_TITLE = "canaryposted08aa"
POSTED_ID = "canaryevent63ff"
REFUSED = "canaryrefused17"
SOURCE = "canarysource21c9"
WORDS = (NAME, TASK_TITLE, TASK_ID, HABIT, POSTED_TITLE, POSTED_ID, REFUSED, SOURCE)


def write_inputs(folder: Path, now: datetime) -> list[Path]:
    """Write a task list, habits and a signal file that is broken in one line, full of canaries."""
    folder.mkdir()
    tasks, habits, signals = folder / "tasks.json", folder / "habits.csv", folder / "signals.jsonl"
    due = {"date": (now + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    item = {"id": TASK_ID, "content": TASK_TITLE, "priority": 4, "added_at": "2026-02-01T08:00:00Z", "due": due}
    tasks.write_text(json.dumps({"items": [item]}))
    with habits.open("w", newline="") as file:
        csv.writer(file).writerows([("time", "habit"), *((f"2026-03-0{day}T07:00:00Z", HABIT) for day in (1, 2, 3))])
    refused = {"id": REFUSED, "kind": "mood_reported", "at": "2026-03-03T08:00:00Z", "source": "s", "data": {"mood": 9}}
    signals.write_text(json.dumps(refused) + "\n")
    return [tasks, habits, signals]


def posted(now: datetime) -> dict[str, object]:
    """Return a signal as a client posts it."""
    data = {"task": "t-1", "state": "open", "title": POSTED_TITLE, "priority": 4}
    return {"id": POSTED_ID, "kind": "task_changed", "at": now.isoformat(), "source": "app", "data": data}


def found_in(home: Path, words: Iterable[str]) -> set[tuple[str, str]]:
    """Return (file, word) for each word in a file's name, its bytes, or its decoded table."""
    wanted = tuple(words)
    hits: set[tuple[str, str]] = set()
    for path in (path for path in home.rglob("*") if path.is_file()):
        name = path.relative_to(home).as_posix()
        content = name.encode() + path.read_bytes()
        if path.suffix == ".parquet":
            content += str(pl.read_parquet(path, hive_partitioning=False).rows()).encode()
        hits |= {(name, word) for word in wanted if word.encode() in content}
    return hits
