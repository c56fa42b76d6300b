"""The result file of an attack, and the table of it in SECURITY.md: `python -m tests.attack.results` writes it."""

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.source_tree import CHECKOUT

RESULTS = CHECKOUT / "tests" / "attack" / "results.json"
PAGE = CHECKOUT / "SECURITY.md"
BEGIN, END = "<!-- attack: begin, made by python -m tests.attack.results -->", "<!-- attack: end -->"


@dataclass(frozen=True)
class Result:
    """What one attack sent and saw, when, and of which commit."""

    name: str
    threats: str
    sent: str
    must: str
    seen: str
    held: bool
    seconds: float
    commit: str
    date: str


@dataclass(frozen=True)
class Run:
    """The newest result of each attack, in the order of the catalogue, and where they were made."""

    machine: str
    results: tuple[Result, ...]

    def put(self, result: Result) -> "Run":
        """Return the run with a result in place of the older one of its name, or at the end."""
        if all(one.name != result.name for one in self.results):
            return Run(machine(), (*self.results, result))
        return Run(machine(), tuple(result if one.name == result.name else one for one in self.results))


def machine() -> str:
    """Say what this machine is."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB"


def commit_of(code: Path) -> str:
    """Return the commit that a checkout has."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=code, check=True, capture_output=True, text=True).stdout.strip()


def today() -> str:
    """Return the day of a result."""
    return datetime.now(UTC).date().isoformat()


def dump(run: Run) -> str:
    """Return the text of a result file."""
    return json.dumps(asdict(run), indent=2) + "\n"


def load(path: Path = RESULTS) -> Run:
    """Read a result file; one that is not there yet has no results."""
    if not path.exists():
        return Run("", ())
    data = json.loads(path.read_text(encoding="utf-8"))
    return Run(data["machine"], tuple(Result(**each) for each in data["results"]))


def table(run: Run) -> str:
    """Return the generated part of the page."""
    held = sum(result.held for result in run.results)
    made = sorted({f"{result.commit} on {result.date}" for result in run.results})
    lines = [
        BEGIN,
        f"`make attack` on {run.machine}, at {', '.join(made)}: {held} of {len(run.results)} held.",
        "",
        "| attack | what was sent | what must be seen | what was seen | held |",
        "| --- | --- | --- | --- | --- |",
    ]
    for result in run.results:
        cells = (result.name, result.sent, result.must, result.seen, "yes" if result.held else "**no**")
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join([*lines, END])


def shown(page: str) -> str:
    """Return the generated part that a page has; raises `ValueError` when it has none."""
    return page[page.index(BEGIN) : page.index(END) + len(END)]


def write(run: Run) -> None:
    """Put the table of a run into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page.replace(shown(page), table(run)), encoding="utf-8")


if __name__ == "__main__":
    write(load())
