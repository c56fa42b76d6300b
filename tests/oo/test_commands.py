"""Every command: data on stdout, messages on stderr, JSON on request, and an exit code that can be trusted."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import typer
from sqlalchemy import select
from typer.main import get_group

from api.admin.service import forced_promotion
from data_contracts.decisions import pack, unpack
from data_contracts.features import FEATURES, Source
from flows.learning.training import open_registry, retrain
from infra.database.all_tables import AuditRow
from oo.cli import app
from oo.runtime import Runtime
from tests.oo.command_line import CommandLine
from tests.oo.conftest import FEW_PEOPLE

HEAVY = ("prefect", "mlflow", "feast", "great_expectations", "polars", "scipy", "sqlalchemy", "fastapi", "numpy")
HELP = f"""
import sys
sys.argv = ["oo", "--help"]
from oo.cli import main
try:
    main()
finally:
    print([name for name in {HEAVY!r} if name in sys.modules])
"""
SERVED = ("api", "scorer", "stream", "worker", "nats", "prefect", "mlflow")
WITHOUT_DATA = {"demo", *(f"serve {name}" for name in SERVED)}
OF_A_PERSON = {
    *("up", "link", "doctor", "import", "log mood", "log habit", "log context", "tip", "today", "react", "why"),
    *("replay", "consent list", "consent grant", "consent withdraw", "forget"),
}
MOOD = {"kind": "mood_reported", "source": "s"}
MOODS = [MOOD | {"id": f"m-{n}", "at": f"2026-03-04T0{n}:00:00Z", "data": {"mood": n}} for n in (1, 2, 3)]
PERSONAL = (("tip",), ("today",), ("why",), ("react", "done"), ("link",), ("forget", "--yes"), ("consent", "list"))
NOBODY = "oo: this home has no person named 'stranger' yet; `oo import FILES` or `oo up` adds the first one\n"


def commands() -> Iterator[tuple[str, typer.core.TyperCommand]]:
    """Yield every command by its words."""

    def below(group: object, words: tuple[str, ...]) -> Iterator[tuple[str, typer.core.TyperCommand]]:
        for name, command in getattr(group, "commands", {}).items():
            if hasattr(command, "commands"):
                yield from below(command, (*words, name))
            else:
                yield " ".join((*words, name)), command

    yield from below(get_group(app), ())


@pytest.fixture
def resident(oo: CommandLine, tmp_path: Path, now: datetime) -> CommandLine:
    """Return the command line of a home in which somebody has a task and a mood."""
    moods, tasks = tmp_path / "moods.jsonl", tmp_path / "tasks.json"
    moods.write_text("".join(f"{json.dumps(line)}\n" for line in MOODS))
    due = {"date": (now + timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")}
    items = [{"id": "1", "content": "Call the roofer", "priority": 4, "added_at": "2026-02-01T08:00:00Z", "due": due}]
    tasks.write_text(json.dumps({"items": items}))
    assert oo("import", moods, tasks, "--zone", "Europe/Vienna").code == 0
    return oo


@pytest.fixture
def tipped(resident: CommandLine, now: datetime) -> str:
    """Return the decision of a tip that is open."""
    for quarter in range(24):
        resident.at(now + timedelta(minutes=15 * quarter))
        answer = resident("tip", "--json").data
        if answer["tip"] is not None:
            return str(answer["decision_id"])
    pytest.fail("there was no tip in six hours")


def test_every_command_that_returns_data_speaks_json_and_asks_whose_it_is() -> None:
    """And each has a sentence that says what it does."""
    for words, command in commands():
        options = {option for parameter in command.params for option in parameter.opts}
        assert command.help, words
        assert words in WITHOUT_DATA or "--json" in options, words
        assert words not in OF_A_PERSON or "--person" in options, words
    assert {words for words, _ in commands()} > OF_A_PERSON


def test_help_imports_no_heavy_vendor() -> None:
    """Asking what there is costs nothing."""
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_import_grants_consent_for_what_the_files_bring_and_nothing_else(resident: CommandLine) -> None:
    """Moods and tasks came; calendar, habits and context stay unread."""
    granted = {row["signal"]: row["granted"] for row in resident("consent", "list", "--json").data}
    assert granted == {"tasks": True, "calendar": False, "habits": False, "mood": True, "context": False, "tips": True}


def masked(oo: CommandLine) -> dict[str, bool]:
    """Return which features the newest decision did not see."""
    return {feature["name"]: feature["masked"] for feature in oo("why", "--json").data["features"]}


def test_a_withdrawn_consent_masks_the_next_decision_until_granted_again(
    resident: CommandLine, tipped: str, now: datetime
) -> None:
    """The receipt of the decision shows what was not read."""
    moods = [feature.name for feature in FEATURES if feature.source is Source.MOOD]
    assert any(not masked(resident)[name] for name in moods)
    said = resident("consent", "withdraw", "mood", "--json")
    assert said.data == {"signal": "mood", "granted": False, "changed": True}
    resident("react", "not_now")
    resident.at(now + timedelta(hours=6, minutes=30))
    assert resident("tip", "--json").data["decision_id"] != tipped
    assert all(masked(resident)[name] for name in moods)
    assert resident("log", "mood", "4").code == 1
    assert resident("consent", "grant", "mood").code == 0
    assert resident("log", "mood", "4").code == 0
    resident("react", "not_now")
    resident.at(now + timedelta(hours=7))
    resident("tip")
    assert any(not masked(resident)[name] for name in moods)


def test_quiet_hours_silence_the_next_moment_and_a_wrong_one_changes_nothing(resident: CommandLine) -> None:
    """When oO may speak is the person's to say, in the words of a clock."""
    assert resident("preferences", "--quiet", "00:00-23:59", "--json").data["quiet"] == "00:00-23:59"
    assert resident("tip", "--json").data["reason"] == "quiet_hours"
    for wrong in (("--quiet", "22"), ("--quiet", "22-8"), ("--zone", "Mars/Base"), ("--budget", "25")):
        assert resident("preferences", *wrong).code != 0
    assert resident("preferences", "--budget", "0", "--json").data == {
        "zone": "Europe/Vienna",
        "quiet": "00:00-23:59",
        "budget": 0,
    }


def test_a_withdrawn_consent_is_not_granted_again_by_an_import(resident: CommandLine, tmp_path: Path) -> None:
    """A file is no change of mind."""
    resident("consent", "withdraw", "mood")
    said = resident("import", tmp_path / "moods.jsonl", "--json")
    assert (said.code, said.data["accepted"]) == (1, 0)
    assert "withdrew" in said.err


def test_an_unknown_word_is_a_usage_error(resident: CommandLine) -> None:
    """Exit 2, one sentence, nothing on stdout."""
    for arguments in (
        ("consent", "grant", "dreams"),
        ("react", "maybe"),
        ("tip", "--at", "tomorrow"),
        ("tip", "--at", "2026-03-04T13:00"),
        ("today", "--date", "someday"),
        ("today", "--date", "9999-12-31"),
        ("tip", "--at", "0001-01-01T00:00+14:00"),
        ("import", "M\udcfcller.ics"),
        ("today", "--date", "9999-12-31"),
        ("tip", "--at", "0001-01-01T00:00+14:00"),
        ("log", "mood", "9"),
        ("fly",),
    ):
        said = resident(*arguments)
        assert (said.code, said.out) == (2, ""), arguments
        assert said.err.strip(), arguments


@pytest.mark.parametrize(
    ("named", "zone"),
    [("Asia/Tokyo", "Asia/Tokyo"), (":/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"), ("JST-9", None)],
)
def test_who_is_new_lives_in_the_zone_of_the_machine(
    oo: CommandLine, monkeypatch: pytest.MonkeyPatch, named: str, zone: str | None
) -> None:
    """A zone without a name cannot be followed over a change of the clock, and that is said."""
    monkeypatch.setenv("TZ", named)
    said = oo("log", "mood", "3")
    assert said.code == 0
    assert ("oo preferences --zone" in said.err) == (zone is None)
    assert zone in {None, oo("preferences", "--json").data["zone"]}


def test_who_does_not_live_here_is_told_how_to_begin(oo: CommandLine) -> None:
    """Every personal command refuses in one sentence."""
    for arguments in PERSONAL:
        said = oo(*arguments, "--person", "stranger")
        assert (said.code, said.out) == (1, ""), arguments
        assert said.err == NOBODY


def test_a_tip_is_returned_unchanged_until_it_is_answered(resident: CommandLine, tipped: str) -> None:
    """The reaction goes to the newest tip unless another is named."""
    again = resident("tip", "--json").data
    assert (again["decision_id"], again["repeated"]) == (tipped, True)
    result = resident("react", "done", "--json").data
    assert (result["applied"], result["posterior_version"]) == (True, 1)
    assert resident("tip", "--json").data["tip"] is None
    assert resident("react", "done", "no-such-decision").code == 1


def test_a_tip_at_an_instant_is_that_of_the_instant(resident: CommandLine) -> None:
    """In quiet hours there is silence, and its reason."""
    said = resident("tip", "--at", "2026-03-04T23:30+01:00", "--json")
    assert (said.data["tip"], said.data["reason"]) == (None, "quiet_hours")
    assert resident("tip", "--at", "2026-03-04T23:30+01:00").out == "(silence: quiet hours)\n"


def test_a_day_has_ninety_six_steps_and_writes_nothing(resident: CommandLine) -> None:
    """The text joins steps that say the same."""
    steps = resident("today", "--date", "2026-03-05", "--json").data
    assert len(steps) == 96
    assert set(steps[0]) == {"at", "speaks", "reason", "tip", "probability"}
    assert steps[0]["reason"] == "quiet_hours"
    assert len(resident("today", "--date", "2026-03-05").out.splitlines()) < 96
    assert resident("replay", "--json").data["decisions"] == 0


def test_every_decision_replays_and_a_changed_log_is_found(resident: CommandLine, tipped: str) -> None:
    """`--verify` makes a difference an exit code."""
    assert resident("replay", "--verify", "--json").data["different"] == []
    with closing(sqlite3.connect(resident.home / "app.db")) as database, database:
        (record,) = database.execute("SELECT record FROM decisions WHERE id = ?", (tipped,)).fetchone()
        logged = unpack(record)
        changed = replace(logged, probabilities=np.roll(logged.probabilities, 1))
        database.execute("UPDATE decisions SET record = ? WHERE id = ?", (pack(changed), tipped))
    assert resident("replay", "--verify").code == 1


def test_a_backup_restores_a_whole_home(resident: CommandLine, tipped: str, tmp_path: Path) -> None:
    """With the keys put back first, everything answers as before; an archive or a life is never overwritten."""
    archive = tmp_path / "home.tar.gz"
    assert resident("backup", archive, "--json").data["files"] > 1
    assert resident("backup", archive).code == 1
    assert archive.stat().st_mode & 0o077 == 0
    fresh = tmp_path / "fresh"
    fresh.mkdir(mode=0o700)
    again = CommandLine(fresh, resident.monkeypatch)
    assert again("tip").code == 1  # makes an empty database, which is no reason to refuse
    (fresh / "keys").rename(tmp_path / "new-keys")
    (resident.home / "keys").rename(fresh / "keys")
    assert again("restore", archive, "--json").data["without_key"] == 0
    assert again("tip", "--json").data["decision_id"] == tipped
    assert again("replay", "--verify").code == 0
    assert again("restore", archive).code == 1
    archive.write_bytes(b"no archive")
    assert "is not a backup of oO" in CommandLine(tmp_path / "other", resident.monkeypatch)("restore", archive).err


def test_the_doctor_names_what_is_wrong_and_the_remedy(oo: CommandLine, tmp_path: Path) -> None:
    """Exit 1 when something is, also when the database is no database."""
    oo("log", "mood", "3")
    assert oo("doctor").code == 0
    bare = CommandLine(tmp_path / "bare", oo.monkeypatch)("doctor", "--json")
    found = {finding["part"]: finding for finding in bare.data}
    assert bare.code == 1
    assert "oo promote --bootstrap" in found["champion"]["detail"]
    assert "oo import FILES" in found["person"]["detail"]
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "app.db").write_bytes(b"this is no database" * 99)
    said = CommandLine(broken, oo.monkeypatch)("doctor", "--json")
    assert said.code == 1
    assert {finding["part"] for finding in said.data if not finding["ok"]} >= {"database", "person"}


def test_a_wrong_setting_is_a_usage_error_without_its_value(oo: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that is too short is not printed."""
    monkeypatch.setenv("ADMIN_TOKEN", "hunter2")
    said = oo("tip")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("oo: ADMIN_TOKEN")
    assert "hunter2" not in said.err


def test_nobody_else_on_the_machine_reads_what_oo_writes(tmp_path: Path) -> None:
    """Also in a folder that was there before and that everybody may enter."""
    home = tmp_path / "shared"
    home.mkdir(mode=0o755)
    command = [sys.executable, "-m", "oo", "log", "mood", "3"]
    subprocess.run(command, env={**os.environ, "OO_HOME": str(home)}, check=True, umask=0o022)
    made = list(home.rglob("*"))
    assert {"app.db", "online.db"} <= {path.name for path in made}
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_a_link_is_a_url_and_a_code_for_the_phone(resident: CommandLine) -> None:
    """The URL alone is data."""
    said = resident("link")
    assert said.out.startswith("http://127.0.0.1:8421/login/")
    assert len(said.err.splitlines()) > 10
    assert list(resident("link", "--json").data) == ["login_url"]
    assert resident("link", "--port", "8500").out.startswith("http://127.0.0.1:8500/login/")


def test_promoting_needs_evidence_or_a_reason(oo: CommandLine) -> None:
    """The incumbent stays without a shadow comparison; an override is audited and shown in `/health`."""
    (known,) = oo("policies", "--json").data
    assert known["stage"] == "champion"
    with Runtime() as runtime:
        registry = open_registry(runtime.stores)
        other = retrain(runtime.stores, registry, runtime.clock(), warm_people=FEW_PEOPLE // 2).digest
    for arguments in ((), ("--bootstrap",)):
        said = oo("promote", other[:12], *arguments)
        assert (said.code, said.out) == (1, "")
    assert oo("promote", "ffff").code == 1
    assert oo("promote", other[:12], "--override", "a test", "--json").data["reason"] == "a test"
    with Runtime() as runtime:
        forced = forced_promotion(runtime.serving.services)
        with runtime.database.read() as session:
            audited = [row.action for row in session.scalars(select(AuditRow))]
    assert forced is not None
    assert forced.reason == "a test"
    assert audited == ["policy_registered", "champion_changed"] * 2
    assert "overridden: a test" in oo("doctor").out
