"""The linter of the page's scripts: it passes what is there, and finds what is planted."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from api.page.endpoints import FOLDER
from tests.source_tree import CHECKOUT

OXLINT = Path(sys.executable).parent / "oxlint"
RULES = FOLDER.parent / "oxlint.json"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the linter as `make check` does."""
    command = [str(OXLINT), "--config", str(RULES), "--deny-warnings", "--format", "unix", str(folder)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def untyped(source: str) -> list[str]:
    """Return the exported functions that no JSDoc comment precedes."""
    return re.findall(r"(?<!\*/\n)^export (?:async )?function (\w+)", source, re.MULTILINE)


def test_the_scripts_of_the_page_pass() -> None:
    """Every rule of oxlint.json."""
    answer = lint(FOLDER)
    assert (answer.returncode, answer.stdout.strip()) == (0, "")


@pytest.mark.parametrize(
    ("fault", "rule"),
    [
        ("forgotten();", "eslint(no-undef)"),
        ('import { undo } from "./api.js";', "eslint(no-unused-vars)"),
        ('import { show } from "./view.js";\nshow();', "import(no-cycle)"),
        ('import { nobody } from "./api.js";\nnobody();', "import(named)"),
        ('if (location.hash == "") location.hash = "a";', "eslint(eqeqeq)"),
        (
            "/** Twice.\n * @param {number} x\n */\nexport function twice(x) {\n  return 2 * x;\n}",
            "jsdoc(require-returns)",
        ),
        ("try {\n  location.reload();\n} catch {}", "eslint(no-empty)"),
        ("let never = 1;\nlocation.hash = String(never);", "eslint(prefer-const)"),
        ("console.log(location.hash);", "eslint(no-console)"),
    ],
)
def test_a_planted_fault_is_found(fault: str, rule: str, tmp_path: Path) -> None:
    """One fault at the end of a module that has none."""
    folder = tmp_path / "static"
    shutil.copytree(FOLDER, folder)
    with (folder / "state.js").open("a", encoding="utf-8") as module:
        module.write(f"\n{fault}\n")
    answer = lint(folder)
    assert answer.returncode == 1
    assert rule in answer.stdout


def test_exported_functions_tell_their_types() -> None:
    """For `tsc`, and for who reads."""
    assert {path.name: untyped(path.read_text(encoding="utf-8")) for path in FOLDER.glob("*.js")} == {
        path.name: [] for path in FOLDER.glob("*.js")
    }
    assert untyped("/** @returns {number} */\nexport function a() {}\n\nexport async function b() {}") == ["b"]


def test_make_check_runs_the_linter() -> None:
    """With the rules and the folder of this test."""
    makefile = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    assert "$(BIN)/oxlint --config $(PAGE)/oxlint.json --deny-warnings $(PAGE)/static\n" in recipe[1]
