"""The import table and the vendor table, held against the code and against ARCHITECTURE.md."""

import graphlib
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.source_tree import CHECKOUT, ROOTS, imports, module_name, python_files

LIBRARIES = {"data_contracts", "infra", "feature_repo", "models"}

# root, or folder with an entry of its own -> what it may import, besides itself
MAY_IMPORT: Mapping[str, set[str]] = {
    "data_contracts": set(),
    "infra": {"data_contracts"},
    "infra/storage": {"data_contracts"},
    "feature_repo": {"data_contracts", "infra/storage"},
    "models": {"data_contracts", "infra/storage"},
    "serving": LIBRARIES,
    "api": {"data_contracts", "infra"},
    "flows": LIBRARIES | {"serving"},
    "oo": LIBRARIES | {"serving", "api", "flows"},
    "examples": set(),
}

# every import that is neither ours nor Python's -> the modules it may be named in
VENDOR_HOMES: Mapping[str, set[str]] = {
    "alembic": {"infra/database"},
    "altair": {"models/report"},
    "cachetools": {"feature_repo", "serving", "api/accounts", "flows/stream"},
    "cryptography": {"infra"},
    "duckdb": {"feature_repo"},
    "fastapi": {"api", "serving/score_app"},
    "feast": {"feature_repo"},
    "google.protobuf": {"data_contracts"},
    "great_expectations": {"data_contracts/validation"},
    "grpc_tools": {"data_contracts/events"},
    "httptools": {"oo/processes/http_server"},
    "icalendar": {"infra/connectors"},
    "lightgbm": {"models/rewards/trees"},
    "mlflow": {"models/registry"},
    "nats": {"infra/mirror/jetstream"},
    "numpy": {"data_contracts", "feature_repo", "models", "serving", "flows"},
    "pandas": {"data_contracts/validation", "feature_repo"},
    "polars": {"feature_repo", "flows"},
    "prefect": {"flows"},
    "prometheus_client": {"infra", "api", "oo"},
    "psycopg": {"infra/database", "feature_repo/online"},
    "pyarrow": {"feature_repo", "models"},
    "pydantic": {"infra/settings", "api", "serving/score_app"},
    "pydantic_settings": {"infra/settings"},
    "recurring_ical_events": {"infra/connectors"},
    "scipy": {"models"},
    "segno": {"oo"},
    "sqlalchemy": {"infra/database"},
    "starlette": {"api", "oo/processes"},
    "typer": {"oo"},
    "typing_extensions": {"feature_repo"},
    "uvicorn": {"oo"},
    "yaml": {"models/simulation/scenario"},
}

# entries of the import table that name no vendor, whatever their root may name
WITHOUT_VENDORS = {"infra/storage"}

# `import api.app` must not pay for these, nor give an attacker their code
NEVER_IN_THE_API = {
    *("prefect", "mlflow", "feast", "great_expectations", "lightgbm", "litellm"),
    *("polars", "duckdb", "pandas", "pyarrow", "scipy.stats"),
}

# a run is a process: the flows share a module, and each imports what it does when it runs
NEVER_BEFORE_A_RUN = {"mlflow", "feast", "lightgbm", "great_expectations"}


def within(path: str, home: str) -> bool:
    """Say whether a module file is `home` or lies below it."""
    return path == f"{home}.py" or path.startswith(f"{home}/")


def longest_prefix(module: str) -> str | None:
    """Return the vendor that a dotted name belongs to."""
    matches = [vendor for vendor in VENDOR_HOMES if module == vendor or module.startswith(f"{vendor}.")]
    return max(matches, key=len, default=None)


def entry_of(path: str) -> str:
    """Return the entry of the import table that a path belongs to: a folder's own, or its root's."""
    return max((entry for entry in MAY_IMPORT if within(path, entry)), key=len, default=path.partition("/")[0])


def verdict(path: str, module: str, name: str) -> str | None:
    """Return what is wrong with the import of `module` in `path`, or nothing."""
    if module.startswith("."):
        return "relative import"
    own, imported = entry_of(path), module.partition(".")[0]
    if imported in sys.stdlib_module_names:
        return None
    if imported in MAY_IMPORT or imported in ("tests", "benchmarks", "docs"):
        wanted = entry_of(f"{module}.{name}".replace(".", "/"))
        allowed = any(wanted == entry or within(wanted, entry) for entry in {own, *MAY_IMPORT[own]})
        return None if allowed else f"{own} may not import {wanted}"
    vendor = longest_prefix(f"{module}.{name}" if name else module)
    if vendor is None:
        return f"{module} has no home in the vendor table"
    here = own not in WITHOUT_VENDORS and any(within(path, home) for home in VENDOR_HOMES[vendor])
    return None if here else f"{vendor} has another home"


def violations(files: Mapping[str, str]) -> list[str]:
    """Return every import that one of the two tables forbids, as `path:line: why`."""
    return [
        f"{path}:{found.line}: {problem}"
        for path, source in files.items()
        for found in imports(source)
        if (problem := verdict(path, found.module, found.name))
    ]


def unused(files: Mapping[str, str]) -> list[str]:
    """Return every home of the vendor table in which no module imports the vendor, as `vendor: home`."""
    used = {
        (longest_prefix(f"{found.module}.{found.name}" if found.name else found.module), path)
        for path, source in files.items()
        for found in imports(source)
    }
    return [
        f"{vendor}: {home}"
        for vendor, homes in VENDOR_HOMES.items()
        for home in sorted(homes)
        if not any(name == vendor and within(path, home) for name, path in used)
    ]


def test_the_vendor_table_lists_only_what_is_imported() -> None:
    """A vendor that a room does not use has no home there."""
    assert unused(python_files(*MAY_IMPORT)) == []


def test_a_home_without_its_vendor_is_found() -> None:
    """The checker can fail."""
    files = {path: source for path, source in python_files(*MAY_IMPORT).items() if path != "models/registry/page.py"}
    assert "altair: models/report" not in unused(files)
    assert "segno: oo" in unused({path: source for path, source in files.items() if "segno" not in source})


def test_the_code_keeps_both_tables() -> None:
    """No module imports what the import table or the vendor table forbids, not even inside a function."""
    assert violations(python_files(*MAY_IMPORT)) == []


@pytest.mark.parametrize(
    ("path", "source", "problem"),
    [
        ("infra/a.py", "import models.policies.policy", "infra may not import models"),
        ("api/a.py", "def f():\n    from serving import scorer", "api may not import serving"),
        ("models/a.py", "from infra.clock import Clock", "models may not import infra"),
        ("models/a.py", "from infra import vault", "models may not import infra"),
        ("feature_repo/a.py", "import infra", "feature_repo may not import infra"),
        ("infra/storage/a.py", "from infra.clock import Clock", "infra/storage may not import infra"),
        ("infra/storage/a.py", "import prometheus_client", "prometheus_client has another home"),
        ("data_contracts/a.py", "from infra.storage import files", "data_contracts may not import infra/storage"),
        ("data_contracts/a.py", "from infra.clock import Clock", "data_contracts may not import infra"),
        ("oo/a.py", "from tests import conftest", "oo may not import tests"),
        ("models/a.py", "from . import policy", "relative import"),
        ("flows/a.py", "import importlib\nimportlib.import_module('api.app')", "flows may not import api"),
        ("models/a.py", "if TYPE_CHECKING:\n    import mlflow", "mlflow has another home"),
        ("infra/bus.py", "import sqlalchemy.orm", "sqlalchemy has another home"),
        ("infra/database_x.py", "import sqlalchemy", "sqlalchemy has another home"),
        ("models/a.py", "from google import protobuf", "google.protobuf has another home"),
        ("oo/a.py", "import leftpad", "leftpad has no home in the vendor table"),
    ],
)
def test_a_forbidden_import_is_found(path: str, source: str, problem: str) -> None:
    """The checker can fail."""
    assert [line.partition(": ")[2] for line in violations({path: source})] == [problem]


def test_what_the_tables_allow_passes() -> None:
    """The checker does not cry wolf."""
    files = {
        "models/registry/page.py": "import json\nimport mlflow\nfrom data_contracts.tips import Tip",
        "models/a.py": "from infra.storage import files\nfrom infra.storage.files import sync",
        "infra/a.py": "from infra.storage import files",
        "infra/storage/a.py": "from infra.storage.files import sync",
        "api/a.py": "from infra.storage.files import sync\nfrom infra.clock import Clock",
    }
    assert violations(files) == []


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading of ARCHITECTURE.md."""
    text = (CHECKOUT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    lines = iter(text.partition(f"\n## {heading}\n")[2].splitlines())
    table = []
    for line in lines:
        if line.startswith("|"):
            table.append([cell.strip() for cell in line.strip("|").split("|")])
        elif table or line.startswith("## "):
            break
    return table[2:]


def quoted(cell: str) -> list[str]:
    """Return the words in backticks of a table cell."""
    return [word.rstrip("/") for word in re.findall(r"`([^`]+)`", cell)]


def test_the_printed_import_table_is_the_one_held() -> None:
    """ARCHITECTURE.md says what this test enforces, in flow order."""
    printed = {quoted(root)[0]: set(quoted(allowed)) for root, _, allowed in rows("The tree is the data flow")}
    assert printed == {**MAY_IMPORT}
    assert [entry for entry in printed if "/" not in entry][: len(ROOTS)] == list(ROOTS)


def test_the_printed_vendor_table_is_the_one_held() -> None:
    """Each vendor of ARCHITECTURE.md lives where this test says."""
    printed = {
        vendor: set(quoted(homes)) for vendors, homes in rows("One vendor, one home") for vendor in quoted(vendors)
    }
    assert printed == {**VENDOR_HOMES}


def test_no_arrow_points_upwards() -> None:
    """The import table itself has no circle."""
    graphlib.TopologicalSorter(MAY_IMPORT).prepare()


def module_graph(files: Mapping[str, str]) -> dict[str, set[str]]:
    """Return which of our modules each module imports when it is itself imported."""
    known = {module_name(path): path for path in files}
    graph: dict[str, set[str]] = {name: set() for name in known}
    for name, path in known.items():
        for found in imports(files[path]):
            if found.at_import_time:
                target = f"{found.module}.{found.name}" if f"{found.module}.{found.name}" in known else found.module
                graph[name] |= {target} & known.keys() - {name}
    return graph


def test_no_modules_import_each_other_in_a_circle() -> None:
    """A module can be understood after those that it imports."""
    graphlib.TopologicalSorter(module_graph(python_files(*ROOTS))).prepare()


def test_a_circle_of_modules_is_found() -> None:
    """The checker can fail."""
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(
            module_graph({"infra/a.py": "from infra import b", "infra/b.py": "import infra.a"})
        ).prepare()


def loaded(module: str) -> set[str]:
    """Return the names of all modules that importing `module` loads in a fresh interpreter."""
    script = f"import sys, {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_api_does_not_load_the_packages_of_the_workers() -> None:
    """`import api.app` loads none of the vendors that train, schedule or store history."""
    assert loaded("api.app") & NEVER_IN_THE_API == set()


def test_the_flows_load_their_vendors_when_they_run() -> None:
    """`import flows.runs` loads Prefect and none of the vendors that single flows need."""
    found = loaded("flows.runs")
    assert "prefect" in found
    assert found & NEVER_BEFORE_A_RUN == set()


def test_a_command_loads_only_the_parts_that_it_opens() -> None:
    """`import oo.runtime` loads stores and people; what learns and what answers is loaded by who asks for it."""
    roots = {name.partition(".")[0] for name in loaded("oo.runtime")}
    assert "infra" in roots
    assert roots & {"api", "serving", "models", "scipy"} == set()


@pytest.mark.parametrize("module", ["pyarrow", "lightgbm"])
def test_a_loaded_vendor_is_seen(module: str) -> None:
    """The checker can fail."""
    assert loaded(module) & (NEVER_IN_THE_API | NEVER_BEFORE_A_RUN) != set()
