"""Lives for three days in a home of an older checkout, by the commands of that checkout: `python live.py HOME SAID`.

It is run by the checkout's own Python, so what it imports are the older modules. Three people live there: ada has the
example month, cleo a part of it, and ben leaves at the end. What the older version says about the finished home is
written into the folder SAID.
"""

import io
import json
import os
import sys
from collections.abc import Iterable
from contextlib import redirect_stdout
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path

from examples.month import shift_month
from oo.cli import main

TOKENS = ("sources", "link")  # commands that print credentials
WHY = "the home of a test"


def at(day_and_time: str) -> None:
    """Set the clock, which runs on from there: a tip is shown later than it was decided, and answered later still."""
    ahead = datetime.fromisoformat(f"2026-11-{day_and_time}:00+01:00") - datetime.now(UTC)
    os.environ["OO_CLOCK"] = str(ahead.total_seconds())


def oo(*words: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run a command and return what it printed; raises `RuntimeError` for an exit code that is not among `codes`."""
    sys.argv = ["oo", *words]
    out = io.StringIO()
    code: int | str = 0
    with redirect_stdout(out):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    if code not in codes:
        raise RuntimeError(f"oo {' '.join(words)} ended with {code}")
    if words[0] not in TOKENS:
        sys.stderr.write(f"oo {' '.join(words)}\n{out.getvalue()}")
    return out.getvalue()


def ask(times: Iterable[str], people: Iterable[str], answers: dict[str, str]) -> None:
    """Ask for a tip at each instant for each person, and answer it where there is one."""
    for time in times:
        at(time)
        for name in people:
            oo("tip", "--person", name)
        for name, answer in answers.items():
            oo("react", answer, "--person", name, codes=(0, 1))


def first_day(inputs: Path) -> None:
    """Bring files and devices in and make the first champion; one mood is refused."""
    at("25T10:40")
    files = [str(path) for path in shift_month(inputs, date(2026, 11, 25))]
    mood = {"kind": "mood_reported", "at": "2026-11-25T07:00:00Z", "source": "diary"}
    diary = inputs / "diary.jsonl"
    diary.write_text("".join(f"{json.dumps({'id': f'mood-{n}', **mood, 'data': {'mood': n}})}\n" for n in (4, 9)))
    oo("import", *files, str(diary), "--person", "ada", "--zone", "Europe/Berlin", codes=(0, 1))
    few = [str(inputs / name) for name in ("mood.csv", "tasks.json")]
    oo("import", *few, "--person", "ben", "--zone", "Europe/Vienna")
    oo("import", *few, str(inputs / "habits.csv"), "--person", "cleo", "--zone", "Europe/London")
    oo("preferences", "--quiet", "23:00-06:00", "--budget", "8", "--person", "cleo")
    oo("sources", "add", "phone", "--kind", "task_changed", "--person", "ada")
    oo("sources", "add", "studio", "--kind", "habit_logged", "--webhook", "--person", "ada")
    oo("sources", "rotate", "studio", "--person", "ada")
    oo("link", "--person", "ada")
    oo("train")
    oo("promote", "--bootstrap")
    times = ("25T11:00", "25T12:40", "25T15:00", "25T16:30", "25T17:45", "25T19:15")
    ask(times, ("ada", "ben", "cleo"), {"ada": "done", "cleo": "not_now"})


def second_day(inputs: Path) -> str:
    """Let a challenger learn from the first day and decide in an experiment; return its digest."""
    at("26T09:10")
    oo("log", "mood", "3", "--energy", "2", "--person", "ada")
    oo("log", "habit", "run", "--person", "cleo")
    oo("log", "context", "--device", "desktop", "--place", "work", "--focus", "--person", "ada")
    oo("consent", "grant", "context", "--person", "cleo")
    oo("consent", "withdraw", "mood", "--person", "cleo")
    oo("import", str(inputs / "calendar.ics"), str(inputs / "tasks.json"), "--person", "ada")
    challenger = str(json.loads(oo("train", "--json"))["digest"])
    oo("promote", codes=(1,))  # not enough evidence
    oo("experiment", "start", challenger, "--days", "2", "--override", WHY)
    times = ("26T09:30", "26T11:00", "26T13:20", "26T15:10", "26T16:40", "26T18:00")
    ask(times, ("ada", "cleo"), {"ada": "not_for_me", "cleo": "done"})
    return challenger


def third_day(challenger: str) -> None:
    """Change the champion, write what the daily flows write, and let somebody leave."""
    at("27T09:10")
    oo("log", "mood", "4", "--person", "ada")
    oo("log", "context", "--device", "phone", "--place", "home", "--no-focus", "--person", "ada")
    oo("log", "context", "--device", "desktop", "--place", "work", "--no-focus", "--person", "cleo")
    oo("experiment", "end", "--reason", WHY)
    oo("promote", challenger, "--override", WHY)
    ask(("27T09:30", "27T11:00", "27T15:10"), ("ada", "cleo"), {"ada": "done"})
    at("27T16:00")
    oo("audit")
    with import_module("flows.parts").opened() as parts:  # this and the next two names are those of that commit
        import_module("flows.feature_building").build_features(parts)
        import_module("flows.snapshotting").take(parts)
    oo("forget", "--yes", "--person", "ben")


def live(home: Path, said: Path) -> None:
    """Live through the three days and write down what the older version says at the end."""
    inputs = home / "inputs"
    for folder in (inputs, said):
        folder.mkdir(parents=True)
    os.chdir(home)  # MLflow notes where it was first opened
    first_day(inputs)
    third_day(second_day(inputs))
    at("27T16:10")
    (said / "policies.json").write_text(oo("policies", "--json"))
    (said / "features.json").write_text(oo("features", "rebuild", "--json"))
    for name in ("ada", "cleo"):
        (said / f"replay-{name}.json").write_text(oo("replay", "--json", "--person", name))


if __name__ == "__main__":
    os.umask(0o077)
    os.environ["OO_HOME"] = sys.argv[1]
    live(Path(sys.argv[1]), Path(sys.argv[2]))
