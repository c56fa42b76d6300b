"""The documents: what they promise exists, and each has the form in which it is easy to find things."""

import re
from pathlib import Path

import pytest
from typer.main import get_group

from oo.cli import app
from tests.source_tree import CHECKOUT, ROOTS, tracked_files
from tests.test_architecture import MAY_IMPORT, quoted

ROOT_README_PARTS = ("Promises", "May import", "Health", "Becomes its own process")
RECORD_PARTS = ("Status", "Context", "Decision", "Consequences", "Alternatives", "Enforced by")
README_LINES = range(60, 141)
DOCUMENTS = [CHECKOUT / name for name in tracked_files() if name.endswith(".md")]
RECORDS = sorted((CHECKOUT / "docs/adr").glob("[0-9]*.md"))


def targets() -> set[str]:
    """Return the targets of the makefile."""
    return set(re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def unknown_targets(text: str) -> set[str]:
    """Return the `make` targets that a text names in code and the makefile does not have."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return {name for part in code for name in re.findall(r"\bmake ([a-z]+)", part)} - targets()


def unknown_commands(text: str) -> set[str]:
    """Return the commands of `oo` that a text names in code and the command line does not have."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = re.findall(r"`([^`\n]+)`", text) + [line for block in blocks for line in block.splitlines()]
    said = {tuple(found[1].split()) for line in lines if (found := re.match(r"(?:\$ )?oo((?: [a-z]+)+)", line))}
    groups = {name: set(getattr(one, "commands", ())) for name, one in get_group(app).commands.items()}
    return {
        " ".join(words[:2])
        for words in said
        if words[0] not in groups or (groups[words[0]] and len(words) > 1 and words[1] not in groups[words[0]])
    }


def dead_links(document: Path, text: str) -> list[str]:
    """Return the relative links of a document that lead nowhere."""
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text)
    return [link for link in links if "://" not in link and not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_what_a_document_names_exists(document: Path) -> None:
    """No link leads nowhere and no command is made up."""
    text = document.read_text(encoding="utf-8")
    assert dead_links(document, text) == []
    assert unknown_targets(text) == set()
    assert unknown_commands(text) == set()


def test_a_dead_link_an_unknown_target_and_an_unknown_command_are_found() -> None:
    """The checker can fail."""
    assert dead_links(CHECKOUT / "README.md", "[a](nowhere.md) [b](Makefile#x) [c](https://example.org)") == [
        "nowhere.md"
    ]
    assert unknown_commands(
        "`oo magic` and `oo serve tea`\n```sh\noo up --json\noo serve api\noo wonder # x\n```\n"
    ) == {
        "magic",
        "serve tea",
        "wonder",
    }
    assert unknown_targets("`make magic` and\n```sh\nmake test\nmake wonder\n```\n") == {"magic", "wonder"}


def test_the_readme_can_be_read_in_one_go() -> None:
    """A stranger learns what it is, sees it, and runs it."""
    text = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) in README_LINES
    assert "make demo" in text
    assert "make test" in text


@pytest.mark.parametrize("root", ROOTS)
def test_each_root_says_what_it_promises(root: str) -> None:
    """A root's README names its promise, its imports as the import table has them, its health and its way out."""
    text = (CHECKOUT / root / "README.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^\*\*([^*]+)\.\*\* (.+?)(?=^\*\*|\Z)", text, re.MULTILINE | re.DOTALL))
    assert tuple(part for part in parts if part in ROOT_README_PARTS) == ROOT_README_PARTS
    assert set(quoted(parts["May import"])) == MAY_IMPORT[root]


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_a_decision_record_has_the_form_and_names_the_test_that_holds_it(record: Path) -> None:
    """A decision that nothing enforces is a wish."""
    text = record.read_text(encoding="utf-8")
    assert re.match(rf"# {int(record.name[:4])}\. \S", text)
    assert tuple(re.findall(r"^## (.+)$", text, re.MULTILINE)) == RECORD_PARTS
    holders = quoted(text.partition("## Enforced by")[2])
    assert holders
    assert [name for name in holders if not (CHECKOUT / name.partition("::")[0]).exists()] == []


def test_decision_records_are_numbered_without_a_gap() -> None:
    """A record is superseded, never removed."""
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_index_lists_every_decision_record() -> None:
    """The index is how one finds the reason for something."""
    index = (CHECKOUT / "docs/adr/README.md").read_text(encoding="utf-8")
    assert [record.name for record in RECORDS if f"({record.name})" not in index] == []
