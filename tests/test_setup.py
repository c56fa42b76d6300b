"""What sets the project up: dependencies, the lock, the makefile, and the script that decides what may land."""

import os
import re
import shutil
import subprocess
import tomllib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from pydantic import AliasChoices

from infra.settings import Settings
from tests.outside_world import TELEMETRY_OFF
from tests.source_tree import CHECKOUT, ROOTS

LINTER_EXCEPTIONS = 15


def read(name: str) -> str:
    """Return a text of the checkout."""
    return (CHECKOUT / name).read_text(encoding="utf-8")


def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads(read("pyproject.toml"))


def requirements() -> list[str]:
    """Return every direct dependency of the base and of all groups."""
    groups = project()["dependency-groups"].values()
    return [*project()["project"]["dependencies"], *(one for group in groups for one in group)]


def canonical(requirement: str) -> str:
    """Return the normalised name in a requirement."""
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def uncommented(text: str, wanted: list[str]) -> list[str]:
    """Return the requirements whose line in `text` gives no reason."""
    lines = text.splitlines()
    return [one for one in wanted if not any(re.search(rf'"{re.escape(one)}",?\s*#\s*\S', line) for line in lines)]


def test_every_dependency_says_why_it_is_here() -> None:
    """A dependency is a debt, and its line says what it buys."""
    assert uncommented(read("pyproject.toml"), requirements()) == []
    assert uncommented('    "numpy>=2",\n    "rich", # tables\n', ["numpy>=2", "rich"]) == ["numpy>=2"]


def unhashed(lock: str) -> list[str]:
    """Return the pins of a lock that carry no hash."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock.strip())
    return [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_the_lock_pins_every_package_by_hash_and_names_no_index() -> None:
    """The lock installs the same bytes from whatever index is configured."""
    lock = read("requirements.lock")
    assert unhashed(lock) == []
    assert re.findall(r"://|--(?:index|extra-index|find-links|trusted)\S*|^-\w", lock, re.MULTILINE) == []
    assert unhashed("a==1 \\\n    --hash=sha256:00\nb==2\n    # via a\n") == ["b==2"]


def test_the_lock_holds_every_direct_dependency() -> None:
    """Nobody can add a dependency and forget to lock it."""
    locked = {canonical(line) for line in read("requirements.lock").splitlines() if re.match(r"[A-Za-z0-9]", line)}
    assert {canonical(one) for one in requirements()} - locked == set()


def closure(wanted: list[str]) -> set[str]:
    """Return the names of everything that installing the requirements would install on this machine."""
    found: set[str] = set()
    waiting = [Requirement(one) for one in wanted]
    while waiting:
        one = waiting.pop()
        key = f"{canonical(one.name)}{sorted(one.extras)}"
        if key not in found:
            found.add(key)
            environments = [{"extra": extra} for extra in one.extras or {""}]
            waiting += [
                needed
                for needed in map(Requirement, distribution(one.name).requires or [])
                if needed.marker is None or any(needed.marker.evaluate(environment) for environment in environments)
            ]
    return {key.partition("[")[0] for key in found}


def test_the_api_installs_without_the_packages_of_the_workers() -> None:
    """The base of the project, which is all that the api needs, does not bring in what trains or schedules."""
    base = closure(project()["project"]["dependencies"])
    assert {"fastapi", "starlette", "httptools"} <= base
    assert (
        base & {"prefect", "mlflow", "litellm", "feast", "great-expectations", "lightgbm", "polars", "scipy"} == set()
    )
    assert "prefect" in closure(project()["dependency-groups"]["flows"])


def test_the_wheel_holds_the_roots() -> None:
    """What is shipped is what the import table names."""
    assert project()["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == list(ROOTS)


def test_the_linter_has_few_exceptions() -> None:
    """Each ignored rule of ruff has its reason, and there are at most fifteen."""
    ignored = project()["tool"]["ruff"]["lint"]["ignore"]
    assert len(ignored) <= LINTER_EXCEPTIONS
    assert uncommented(read("pyproject.toml"), ignored) == []


def test_the_makefile_locks_every_group() -> None:
    """`make lock` leaves no dependency group out."""
    found = re.search(r"^GROUPS := (.*)$", read("Makefile"), re.MULTILINE)
    assert found is not None
    assert found[1].split() == list(project()["dependency-groups"])


def test_the_makefile_and_the_tests_switch_telemetry_off_alike() -> None:
    """Nothing that a person starts calls home either."""
    exported = dict(re.findall(r"^export (\w+) := (\w+)$", read("Makefile"), re.MULTILINE))
    assert TELEMETRY_OFF.items() <= exported.items()
    assert {name: os.environ.get(name) for name in TELEMETRY_OFF} == TELEMETRY_OFF


def test_the_makefile_explains_each_target() -> None:
    """`make help` is complete."""
    phony = re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)
    assert phony is not None
    assert phony[1].split() == re.findall(r"^([a-z]+):.*## .+$", read("Makefile"), re.MULTILINE)


def test_the_public_workflow_runs_the_script_that_everybody_runs() -> None:
    """There is one definition of green."""
    workflow = yaml.safe_load(read(".github/workflows/ci.yaml"))
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands == [".ci/run"]
    assert {"make check", "make test"} <= set(re.findall(r"^make \w+", read(".ci/run"), re.MULTILINE))
    assert os.access(CHECKOUT / ".ci/run", os.X_OK)


def test_the_example_environment_names_real_settings_only() -> None:
    """Every variable of `.env.example` is read by `Settings`, and none of them is set."""
    known = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        known |= {str(one) for one in alias.choices} if isinstance(alias, AliasChoices) else {f"OO_{name.upper()}"}
    lines = [line for line in read(".env.example").splitlines() if re.match(r"#?[A-Z_]+=", line)]
    assert lines
    assert {line.lstrip("#").partition("=")[0] for line in lines} - known == set()
    assert [line for line in lines if not line.startswith("#")] == []


def ask_for_chromium(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script that finds a Chromium, with nothing but the given environment."""
    command = [shutil.which("bash") or "bash", str(CHECKOUT / ".ci/chromium"), *arguments]
    return subprocess.run(command, env=environment, check=False, capture_output=True, text=True)


def test_a_named_chromium_is_taken(tmp_path: Path) -> None:
    """`CHROMIUM` wins over whatever is on the path."""
    mine = tmp_path / "mine"
    mine.touch(mode=0o755)
    assert ask_for_chromium(PATH="", CHROMIUM=str(mine)).stdout.strip() == str(mine)


@pytest.mark.parametrize(("arguments", "status"), [((), 0), (("--require",), 1)])
def test_a_missing_chromium_is_said_and_refused_where_it_is_required(
    arguments: tuple[str, ...], status: int, tmp_path: Path
) -> None:
    """On a machine without one, `make test` names what does not run and the deciding script refuses."""
    answer = ask_for_chromium(*arguments, PATH=str(tmp_path))
    assert (answer.returncode, answer.stdout) == (status, "")
    assert "browser" in answer.stderr
