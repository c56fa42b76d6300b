"""The event schemas: generated code, lint, and no change that breaks what is already stored."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import Message

from data_contracts.errors import Malformed
from data_contracts.events.codec import KINDS, Event, body, decode, encode, kind
from data_contracts.events.generate import ROOT, generate

BASELINE = ROOT / "baseline.binpb"
PACKAGE = Path("oo/events/v1")


def buf(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    """Run buf on the schemas in folder `at`."""
    command = Path(sys.executable).with_name("buf")
    return subprocess.run([command, *arguments], cwd=at, capture_output=True, text=True, check=False)


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """Return a copy of the schemas that a test may break."""
    copy = tmp_path / "schemas"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns("*.py*", "__pycache__"))
    return copy


def test_the_committed_types_are_those_of_the_schemas(tmp_path: Path) -> None:
    """Run `python -m data_contracts.events.generate` after a change of a schema."""
    written = generate(tmp_path)
    assert len(written) == 6
    for path in written:
        assert path.read_text() == (ROOT / path.relative_to(tmp_path)).read_text(), path.name


def test_the_schemas_pass_lint_and_break_nothing(schemas: Path) -> None:
    """Buf finds nothing to say, not even against the committed baseline."""
    for arguments in (("lint",), ("breaking", "--against", str(BASELINE))):
        result = buf(*arguments, at=schemas)
        assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("file", "before", "after", "rule"),
    [
        ("signals.proto", "int32 mood = 1;", "string mood = 1;", "changed type"),
        ("event.proto", "HabitLogged habit_logged = 12;", "", "was deleted"),
        ("facts.proto", "REACTION_NOT_NOW = 2;", "REACTION_LATER = 2;", "REACTION_NOT_NOW"),
    ],
)
def test_a_breaking_change_is_found(schemas: Path, file: str, before: str, after: str, rule: str) -> None:
    """A changed type, a deleted field and a renamed value are refused."""
    path = schemas / PACKAGE / file
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    result = buf("breaking", "--against", str(BASELINE), at=schemas)
    assert result.returncode != 0
    assert rule in result.stdout


def test_bad_style_is_found(schemas: Path) -> None:
    """Lint is not a check that cannot fail."""
    path = schemas / PACKAGE / "facts.proto"
    path.write_text(path.read_text().replace("string cluster = 2;", "string Cluster = 2;"))
    assert buf("lint", at=schemas).returncode != 0


def test_the_baseline_is_not_older_than_the_schemas(schemas: Path, tmp_path: Path) -> None:
    """What was added is in the baseline too, or the next change could break it unseen."""
    image = tmp_path / "image.binpb"
    assert buf("build", "--output", str(image), at=schemas).returncode == 0
    assert buf("breaking", str(BASELINE), "--against", str(image), at=schemas).stdout == ""


@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_event_of_each_kind_comes_back(name: str) -> None:
    """Encoding keeps the kind, even of an empty body."""
    event = Event(id="e", person="p", at_us=1, received_us=2, source="test")
    message: Message = getattr(event, name)
    message.SetInParent()
    back = decode(encode(event))
    assert (kind(back), back) == (name, event)
    assert isinstance(body(back), KINDS[name])


def test_bytes_without_a_known_body_are_no_event() -> None:
    """Neither noise nor an envelope of a newer schema gets in."""
    for payload in (b"\xff\xff", b"", Event(id="e").SerializeToString()):
        with pytest.raises(Malformed):
            decode(payload)
    with pytest.raises(Malformed):
        kind(Event(id="e"))
