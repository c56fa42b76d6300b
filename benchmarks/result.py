"""What a benchmark reports, and the rule by which a later run fails."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
WORST_SHARE = 0.8  # of the recorded ratio


class PeerMissing(Exception):
    """The peer of a benchmark is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Result:
    """One comparison; `ratio` says how many times better ours is, and `equal` that both gave the same answers.

    A part of the notes that has a `ratio` and a `target` of its own is held against it as the whole is.
    """

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    target: float  # at least, of the ratio or of `reached`
    equal: bool
    notes: dict[str, Any] = field(default_factory=dict)
    reached: float | None = None  # what the target is about when it is not the ratio
    valid: bool = True  # false when the measurement itself cannot be trusted


def machine() -> str:
    """Return what the numbers depend on: processor, cores, Python."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


def commit() -> str:
    """Return the commit that was measured, or `unknown` outside a repository."""
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607 - git of the path
    return told.stdout.strip() or "unknown"


def recorded_ratio(name: str, folder: Path = RESULTS) -> float | None:
    """Return the ratio of the recorded run, None when there is none."""
    path = folder / f"{name}.json"
    return float(json.loads(path.read_text(encoding="utf-8"))["ratio"]) if path.exists() else None


def complaint(result: Result, recorded: float | None) -> str | None:
    """Return why a run fails: answers that differ, a measurement that is none, or a ratio worse by a fifth."""
    if not result.equal:
        return f"{result.name}: ours and the peer's answers differ"
    if not result.valid:
        return f"{result.name}: the measurement is not valid, its notes say why"
    if recorded is not None and result.ratio < WORST_SHARE * recorded:
        return f"{result.name}: ratio {result.ratio:.2f} is worse than the recorded {recorded:.2f} by more than a fifth"
    return None


def verdicts(result: Result) -> str:
    """Return in words which targets are hit and which are missed; missing one does not fail a run."""
    held = {"target": (result.ratio if result.reached is None else result.reached, result.target)}
    for name, part in result.notes.items():
        if isinstance(part, dict) and {"ratio", "target"} <= part.keys():
            held[f"target of {name}"] = part["ratio"], part["target"]
    return ", ".join(
        f"{name} {target:,g} {'hit' if reached >= target else 'MISSED'} at {reached:,.4g}"
        for name, (reached, target) in held.items()
    )


def record(result: Result, folder: Path = RESULTS) -> Path:
    """Write a run where later ones are compared with it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    load = round(os.getloadavg()[0], 1)  # a busy machine shows
    content = {**asdict(result), "machine": machine(), "load_1m": load, "commit": commit()}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return path
