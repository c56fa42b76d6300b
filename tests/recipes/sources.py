"""A signal kind and a connector."""

from tests.recipes.edits import Edit, Twin, before

SCHEMAS = "data_contracts/events/oo/events/v1"
SLEEP = '{"id": "s-1", "kind": "sleep_logged", "at": "2026-11-03T09:00:00+01:00", "source": "watch", "data": %s}'
SIGNAL_KIND = Twin(
    (
        before(
            f"{SCHEMAS}/signals.proto", "message MoodReported {", "message SleepLogged {\n  int32 minutes = 1;\n}\n\n"
        ),
        before(f"{SCHEMAS}/event.proto", "    TipShown tip_shown", "    SleepLogged sleep_logged = 17;\n"),
        before(
            "data_contracts/signals/kinds.py",
            '        "context_observed": _context(),\n',
            '        "sleep_logged": SignalContract(\n'
            '            Source.MOOD, "How long the person slept.",\n'
            '            (_whole("minutes", 1_440, "minutes", "how long", required=True),),\n'
            "        ),\n",
        ),
        Edit("data_contracts/examples/sleep_logged.v1.night.pass.json", '{"item": ' + SLEEP % '{"minutes": 450}' + "}"),
        Edit(
            "data_contracts/examples/sleep_logged.v1.week.fail.json",
            '{"rule": "out_of_range", "item": ' + SLEEP % '{"minutes": 9000}' + "}",
        ),
        before(
            "feature_repo/state/fold.py",
            '            "device": (Source.CONTEXT',
            '            "sleep": (Source.MOOD, _log(Source.MOOD, 7)),\n',
        ),
        before(
            "feature_repo/state/fold.py",
            "def _context(",
            "def _sleep(event: Event) -> list[Fact]:\n"
            '    return [_entry("sleep", event.id, event, (event.sleep_logged.minutes,))]\n\n\n',
        ),
        before("feature_repo/state/fold.py", '    "context_observed": _context,', '    "sleep_logged": _sleep,\n'),
    ),
    f"""
import json
from datetime import UTC, datetime
from pathlib import Path
from data_contracts.signals.kinds import to_event
from feature_repo.state.fold import WorkingState

item = json.loads('{SLEEP % '{"minutes": 450}'}')
event, _ = to_event(item, person="p", received_at=datetime(2026, 11, 4, tzinfo=UTC), subject_key=lambda *_: "k")
state = WorkingState()
assert len(state.apply(event)) == 1
again = WorkingState.from_rows(state.rows())
assert [entry.values for entry in again.entries("sleep")] == [(450,)]
assert "sleep_logged" in Path("docs/signals.md").read_text() and "sleep_logged" in Path("api/openapi.json").read_text()
""",
)

CONNECTOR = Twin(
    (
        Edit(
            "infra/connectors/tables/habit_log.py",
            '''"""Plain logs of habits: a time with offset, a space, and the habit."""

from collections.abc import Iterator
from pathlib import Path

from data_contracts.identifiers import SubjectKey
from data_contracts.signals.kinds import canonical_label
from infra.connectors.connector import Parsed, ReadContext, Reading, Refused
from infra.connectors.text_files import open_text


class HabitLog:
    """The connector of `.log` files."""

    name = "habit_log"

    def matches(self, path: Path, head: str) -> bool:
        """Return whether the name says log."""
        return path.suffix.lower() == ".log" and bool(head.strip())

    def read(self, path: Path, context: ReadContext) -> Iterator[Parsed | Refused]:
        """Yield a signal a line."""
        reading = Reading(path, self.name, context)
        for line, text in _lines(path):
            at, _, habit = text.partition(" ")
            yield reading.signal("habit_logged", {"habit": habit}, native=text, at=at, line=line, raw=text)

    def titles(self, path: Path, context: ReadContext) -> Iterator[tuple[SubjectKey, str]]:
        """Yield the names of habits."""
        for _, text in _lines(path):
            habit = text.partition(" ")[2]
            yield context.subject_key("habit", canonical_label(habit)), habit


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with open_text(path) as stream:
        yield from ((number, line.strip()) for number, line in enumerate(stream, start=1) if line.strip())
''',
        ),
        before(
            "infra/connectors/registry.py",
            "from infra.connectors.tables.signal_lines",
            "from infra.connectors.tables.habit_log import HabitLog\n",
        ),
        before("infra/connectors/registry.py", "    TodoistCsv(),\n", "    HabitLog(),\n"),
        Edit(
            "tests/infra/connectors/golden/runs.log",
            "2026-03-01T08:00:00+01:00 Run\nyesterday Run\n2026-03-02T08:00:00+01:00 Read\n",
        ),
    ),
    """
import json
from pathlib import Path
from infra.connectors.registry import connector_for

golden = Path("tests/infra/connectors/golden/runs.log")
assert connector_for(golden).name == "habit_log"
told = json.loads(golden.with_name("runs.log.expected.json").read_text())
assert [row.get("kind", row.get("refused")) for row in told] == ["habit_logged", "bad_time", "habit_logged"]
""",
)
