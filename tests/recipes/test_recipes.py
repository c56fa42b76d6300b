"""CONTRIBUTING.md is followed to the letter: each step in a copy of this tree, and then the new thing works."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.recipes.edits import Edit
from tests.recipes.twins import TWINS
from tests.source_tree import CHECKOUT, tracked_files

LONGEST = 15
TEXT = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")


class Step(NamedTuple):
    """One step: the paths that it changes, as patterns, or the command that it runs."""

    paths: tuple[str, ...]
    command: str | None


def recipes(text: str) -> dict[str, str]:
    """Return the sections that say how to add something, by what they add."""
    found = re.findall(r"^## Add ([^\n]+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return {name: body.strip("\n") for name, body in found}


def steps(section: str) -> Iterator[Step]:
    """Yield the numbered steps: `path`, `path`: what to do there; or Run `command`."""
    for step in re.findall(r"^\d+\. (.*?)(?=^\d+\. |\n\n|\Z)", section, re.MULTILINE | re.DOTALL):
        if command := re.match(r"Run `([^`]+)`", step):
            yield Step((), command[1])
        else:
            yield Step(tuple(re.findall(r"`([^`]+)`", step.split(":")[0])), None)


def pattern(path: str) -> str:
    """Return the regular expression of a path in which words in capitals stand for names."""
    return re.sub(r"[A-Z]{3,}", r"[\\w.]+", path.replace(".", r"\."))


def apply(tree: Path, edit: Edit) -> None:
    """Make one change."""
    file = tree / edit.path
    if not edit.old:
        assert not file.exists(), f"{edit.path} is there already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(edit.new, encoding="utf-8")
        return
    text = file.read_text(encoding="utf-8")
    assert edit.old in text, f"{edit.path} has no {edit.old!r}"
    file.write_text(text.replace(edit.old, edit.new, 1), encoding="utf-8")


def arguments(command: str) -> Iterator[list[str]]:
    """Yield what a command of CONTRIBUTING.md runs, with this Python in place of the environment's."""
    words = [word for word in shlex.split(command) if "=" not in word]
    if words == ["make", "contracts"]:
        recipe = re.search(r"^contracts:.*\n((?:\t.*\n)+)", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)
        assert recipe is not None
        yield from ([sys.executable, *shlex.split(line)[1:]] for line in recipe[1].splitlines())
    else:
        assert words[0] == "pytest", f"{command} is neither make nor pytest"
        yield [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "--no-header", *words[1:]]


def environment_of(tree: Path) -> dict[str, str]:
    """Return an environment whose Python finds the copy first, whatever other tests or the system have set."""
    return os.environ | {"PYTHONPATH": str(tree)}


def run(tree: Path, command: str) -> None:
    """Run a command of a step in the copy; its assignments become the environment's."""
    told = dict(word.split("=", 1) for word in shlex.split(command) if "=" in word)
    for words in arguments(command):
        environment = environment_of(tree) | told
        done = subprocess.run(words, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or told, f"{command}\n{done.stdout[-3_000:]}{done.stderr[-3_000:]}"


def works(tree: Path, proof: str) -> bool:
    """Return whether the program of a twin ends well in the copy."""
    command, environment = [sys.executable, "-c", proof], environment_of(tree)
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stderr)
    return done.returncode == 0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a copy of what git tracks."""
    for name in tracked_files():
        target = tmp_path / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / name, target)
    return tmp_path / "tree"


def test_each_recipe_is_short_and_has_a_twin() -> None:
    """Seven things are taught, in at most fifteen lines each."""
    assert recipes(TEXT).keys() == TWINS.keys()
    assert [name for name, body in recipes(TEXT).items() if len(body.splitlines()) > LONGEST] == []


@pytest.mark.parametrize("name", TWINS)
def test_a_recipe_names_exactly_the_files_that_are_needed(name: str) -> None:
    """No file is changed that no step names, and no step names one that stays as it is."""
    named = [path for step in steps(recipes(TEXT)[name]) for path in step.paths]
    changed = {edit.path for edit in TWINS[name].edits}
    assert [path for path in changed if not any(re.fullmatch(pattern(each), path) for each in named)] == []
    assert [each for each in named if not any(re.fullmatch(pattern(each), path) for path in changed)] == []


@pytest.mark.parametrize("name", TWINS)
def test_whoever_follows_a_recipe_has_what_it_promises(name: str, tree: Path) -> None:
    """Before the steps it does not work; each step can be done in its turn; after them it works."""
    twin, left = TWINS[name], list(TWINS[name].edits)
    assert not works(tree, twin.proof)
    for step in steps(recipes(TEXT)[name]):
        for edit in [each for each in left if any(re.fullmatch(pattern(path), each.path) for path in step.paths)]:
            apply(tree, edit)
            left.remove(edit)
        if step.command is not None:
            run(tree, step.command)
    assert works(tree, twin.proof)
