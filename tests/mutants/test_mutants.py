"""The check of mutants can fail: it knows a survivor from a kill, and tests that judge nothing from tests that do."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.mutants.__main__ import Verdict
from tests.mutants.judging import exit_code
from tests.mutants.mutations import mutants
from tests.mutants.table import TARGETS
from tests.source_tree import CHECKOUT

SCRIPT = """
import sys
from pathlib import Path
from tests.mutants.__main__ import report
from tests.mutants.table import Target
sys.exit(report({"sample": [Target(sys.argv[1], tuple(sys.argv[3:]))]}, Path(sys.argv[2])))
"""
SURVIVORS = [
    "  survived: tests/mutants/sample.py:11 cold: return degrees <= 5 → return degrees < 5",
    "  survived: tests/mutants/sample.py:11 cold: return degrees <= 5 → return degrees <= 6",
    "  survived: tests/mutants/sample.py:11 cold: return degrees <= 5 → return degrees <= 4",
]


def check(log: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run the check on the sample with these tests."""
    command = [sys.executable, "-c", SCRIPT, "tests/mutants/sample.py", str(log), *tests]
    return subprocess.run(command, cwd=CHECKOUT, check=False, capture_output=True, text=True, timeout=300)


def test_the_boundary_that_no_test_pins_survives_and_the_pinned_one_is_killed(tmp_path: Path) -> None:
    """Seven of ten are too few, the three that live are named, and a run that was cut off goes on to the same end."""
    log = tmp_path / "fates.jsonl"
    done = check(log, "tests/mutants/test_sample.py")
    _, row, *survivors = done.stdout.splitlines()
    assert (done.returncode, survivors, done.stderr) == (1, SURVIVORS, "")
    assert row.split() == ["sample", "tests/mutants/sample.py", "10", "7", "3", "0", "70.0%"]
    fates = log.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(fates) == 10
    log.write_text("".join(fates[:8]), encoding="utf-8")
    assert check(log, "tests/mutants/test_sample.py").stdout == done.stdout
    assert sorted(log.read_text(encoding="utf-8").splitlines(keepends=True)) == sorted(fates)


@pytest.mark.parametrize("tests", [("tests/mutants/nowhere.py",), ("tests/mutants/test_sample.py", "-k", "nothing")])
def test_without_tests_that_pass_nothing_is_judged(tmp_path: Path, tests: tuple[str, ...]) -> None:
    """A check whose tests are missing would call every mutant killed, so it ends with what is wrong."""
    done = check(tmp_path / "fates.jsonl", *tests)
    assert done.returncode == 1
    assert "do not pass on the source as it is" in done.stderr


def test_what_takes_too_long_is_killed() -> None:
    """A mutant that never ends counts as noticed, and its process is gone."""
    process = subprocess.Popen(["sleep", "600"])
    assert exit_code(process.pid, time.monotonic() + 600) is None
    assert exit_code(process.pid, time.monotonic() - 1) == pytest.ExitCode.TESTS_FAILED
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
    process.returncode = -9  # it was waited for


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("x = a < 1", ["a < 1 → a <= 1", "a < 1 → a >= 1", "a < 1 → a < 2", "a < 1 → a < 0"]),
        ("x = a is not b in c", ["a is not b in c → a is b in c", "a is not b in c → a is not b not in c"]),
        ("x = a and b", ["a and b → a or b", "a and b → b", "a and b → a"]),
        ("x = a + b", ["a + b → a - b"]),
        ("x = not a", ["not a → a"]),
        ("x = 0.5", ["0.5 → 0.525", "0.5 → 0.475"]),
        ("x = True", ["True → False"]),
        ("x = 'name'", ["'name' → 'name~'"]),
        ("x = max(a)", ["max(a) → min(a)"]),
        ("x = [a for a in b if a]", ["for a in b if a → for a in b if not a"]),
        ("a.b = c", ["a.b = c → pass"]),
        ("f()", ["f() → pass"]),
    ],
)
def test_a_place_is_changed_in_these_ways(tmp_path: Path, source: str, changes: list[str]) -> None:
    """Each mutant has one change, and reads as the statement did and does."""
    path = tmp_path / "module.py"
    path.write_text(f"{source}\n", encoding="utf-8")
    found = [mutant.name.removeprefix("module: ").replace("x = ", "") for mutant in mutants(str(path))]
    assert found == changes


def test_words_that_no_behaviour_hangs_on_are_left_alone(tmp_path: Path) -> None:
    """Docstrings, annotations, decorators and the texts of raised errors."""
    path = tmp_path / "module.py"
    path.write_text('"""D."""\n@d("x")\ndef f(a: "b") -> "c":\n    """D."""\n    raise E("text 1")\n', encoding="utf-8")
    assert [mutant.name for mutant in mutants(str(path))] == ["f: raise E('text 1') → pass"]


def test_enough_killed_and_nothing_stale_holds() -> None:
    """Below 85 % it does not, nor with an equivalent that a test kills."""
    living = list(mutants("tests/mutants/sample.py"))[:3]
    assert Verdict(17, living, [], []).holds
    assert not Verdict(16, living, [], []).holds
    assert Verdict(3, [], living, []).rate == 1.0
    assert not Verdict(100, [], living, ["gone"]).holds


def test_the_table_names_modules_and_tests_that_exist() -> None:
    """And every mutant that no test can notice has its reason."""
    targets = [target for part in TARGETS.values() for target in part]
    files = [name for target in targets for name in (target.module, *target.tests) if name.endswith(".py")]
    assert [name for name in files if not (CHECKOUT / name).is_file()] == []
    assert all(reason for target in targets for reason in target.equivalent.values())
