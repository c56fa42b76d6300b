"""The glossary: one word for each idea, and the words that it replaces occur nowhere."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.source_tree import CHECKOUT, tracked_files

GLOSSARY = "docs/glossary.md"
ITSELF = {GLOSSARY, "tests/test_glossary.py"}
KINDS = (".py", ".md", ".toml", ".yaml", ".proto", ".js", ".html", "Makefile")
RECORDS = ("CHANGELOG.md", "docs/adr/")  # they keep the names of their time
# Stored and public names, and where furniture is meant; each with the reason why it stays.
ALLOWED = {
    "rehearsal.json": "a file of a home; it says that rows are simulated",
    'actor="rehearsal"': "stored in audit entries",
    "oo rehearse": "a command",
    "person_parts": "a table",
    "mirror_watch": "the name of a background loop in health and metrics",
    '["door"]': "a label of the metric oo_refusals",
    "sign-ins by door": "the help text of that metric",
    'actor="door"': "stored in audit entries",
    '"door: source_refused"': "a test of these entries",
    "open_tip": "a reason that answers and records have",
    "OPEN_TIP": "its member",
    "clear_desk": "a template and a cluster of the catalogue",
    "lunch_off_desk": "a template of the catalogue",
    "your desk": "a tip: furniture",
    "the desk": "a tip: furniture",
    "empty desk": "a tip: furniture",
    "at the door": "a tip: a door",
}


def table_of(text: str) -> list[tuple[str, set[str], set[str]]]:
    """Return each word with the phrases and the names (in code font) that it replaces."""
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|([^|]*)\|$", text, re.MULTILINE)
    return [(word, _phrases(old), set(re.findall(r"`(\w+)`", old))) for word, old in rows if word != "word"]


def _phrases(cell: str) -> set[str]:
    return {part.strip() for part in re.sub(r"`[^`]*`", "", cell).split(",")} - {""}


def spaced(text: str) -> str:
    """Return a text in which the words of identifiers stand apart: `make_door` and `MakeDoor` give `make door`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", re.sub(r"_+", " ", text)).lower()


def phrases_in(text: str, phrases: set[str]) -> list[str]:
    """Return `line: phrase` for each phrase in a text, beyond what is allowed."""
    for allowed in ALLOWED:
        text = text.replace(allowed, "")
    pattern = re.compile(rf"\b({'|'.join(sorted(map(re.escape, phrases)))})\b")
    return [
        f"{number}: {hit}" for number, line in enumerate(text.splitlines(), 1) for hit in pattern.findall(spaced(line))
    ]


def names_in(path: str, text: str) -> Iterator[str]:
    """Yield the names that a module defines: its own, its classes and functions."""
    yield path.rsplit("/", 1)[-1].removesuffix(".py").removeprefix("test_")
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name


@cache
def glossary() -> list[tuple[str, set[str], set[str]]]:
    """Return the table of the committed glossary."""
    return table_of((CHECKOUT / GLOSSARY).read_text(encoding="utf-8"))


PHRASES = {phrase for _, phrases, _ in glossary() for phrase in phrases}
NAMES = {name for _, _, names in glossary() for name in names}
FILES = [
    name
    for name in tracked_files()
    if name.endswith(KINDS) and name not in ITSELF and not name.startswith(RECORDS) and "_pb2" not in name
]


def test_the_glossary_has_one_row_for_each_idea() -> None:
    """No word stands twice, none is what another replaces, and there is something to check."""
    words = [word for word, _, _ in glossary()]
    assert len(words) == len(set(words))
    assert not {word.lower() for word in words} & PHRASES
    assert len(PHRASES) > len(words) // 3
    assert NAMES


@pytest.mark.parametrize("root", sorted({name.split("/")[0] for name in FILES}))
def test_the_old_words_are_gone(root: str) -> None:
    """No file says a word of the last column, and no module, class or function is named by one."""
    found = []
    for name in (each for each in FILES if each.split("/")[0] == root):
        text = (CHECKOUT / name).read_text(encoding="utf-8")
        found += [f"{name}:{hit}" for hit in phrases_in(text, PHRASES)] + phrases_in(name, PHRASES)
        if name.endswith(".py"):
            found += [f"{name}: the name {old}" for old in names_in(name, text) if old in NAMES]
    assert found == []


def test_every_allowed_name_is_still_used() -> None:
    """An exception whose name is gone goes, too."""
    together = "\n".join((CHECKOUT / name).read_text(encoding="utf-8") for name in FILES)
    assert [allowed for allowed in ALLOWED if allowed not in together] == []


@pytest.mark.parametrize(
    ("planted", "hits"),
    [
        ("def make_door() -> None:", ["1: door"]),
        ("class TipBox:", ["1: tip box"]),
        ('"""The time machine."""', ["1: time machine"]),
        ("a rehearsal, but not rehearsal.json", ["1: rehearsal"]),
        ("an indoor tip, on a desktop", []),
    ],
)
def test_a_planted_word_is_found(planted: str, hits: list[str]) -> None:
    """The checker sees words in identifiers and in prose, and leaves stored names alone."""
    assert phrases_in(planted, {"door", "tip box", "time machine", "rehearsal", "desk"}) == hits


def test_a_planted_name_is_found() -> None:
    """The checker sees the names of modules, classes and functions, and not plain English."""
    assert set(names_in("tests/test_fates.py", 'def otherwise() -> None:\n    """Shares."""\n')) == {
        "fates",
        "otherwise",
    }
