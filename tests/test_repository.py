"""The house rules that no linter knows: sizes, names, what may be tracked, and reasons for every exception."""

import ast
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from tests.source_tree import CHECKOUT, ROOTS, python_files, tracked_files

MODULE_LINES = 400
FUNCTION_LINES = 50
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "misc"}
CODE = (*ROOTS, "tests", "benchmarks", "examples")
# a migration is a list of statements, as long as the schema that it makes
MIGRATIONS = "infra/database/engine/migrations/versions/"
# what this file itself must name to forbid it
SELF = "tests/test_repository.py"
REGISTRIES = (
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|registry\.yarnpkg|crates\.io|--(?:extra-)?index-url|--find-links"
)
MACHINES = r"(?<![\w.~}-])/(?:root|home|Users|work|opt|private)/[\w.-]"
UNFINISHED = r"(?:#|//|<!--|/\*).*\b(?:TODO|FIXME|XXX|HACK)\b|\b(?:TODO|FIXME)[:(]"
BINARY = {".png", ".ico", ".binpb", ".npz", ".woff2", ".parquet", ".xz"}
# what opens or signs something, by the name of its file or by its own form; the last two are the credentials of oO
KEY_FILES = re.compile(r"\.(key|pem|p12|pfx|jks|credential)$|(^|/)id_(rsa|ecdsa|ed25519)$")
SECRETS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[opsur]_[0-9A-Za-z]{36}\b|\bxox[abpr]-[0-9]{10}"
    rb"|\bsk-[0-9A-Za-z_-]{32}|oo_tok_[0-9a-f]{64}|oo_whs_[0-9a-f]{64}"
)
# files that hold keys all the same -> what the keys are
MADE_FOR_TESTS = {
    "tests/older_home/home-27b88ec.tar.xz": "the keys of a home that was made to be opened by tests, used nowhere else",
}
WRITTEN_BY_TOOLS = re.compile(
    r"(^|/)(__pycache__|node_modules|mlruns|\.venv|dist|build|[^/]+\.egg-info)/|\.(pyc|db|db-wal|db-shm|sqlite|log)$"
    r"|(^|/)(uv|poetry|Pipfile)\.lock$|(^|/)\.env(\.local)?$"
)


def too_long(files: dict[str, str]) -> Iterator[str]:
    """Name every module and function above its cap."""
    for path, source in files.items():
        if path.startswith(MIGRATIONS):
            continue
        if (lines := len(source.splitlines())) > MODULE_LINES:
            yield f"{path} has {lines} lines"
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield f"{path}:{node.lineno} {node.name} has {lines} lines"


def without_docstring(files: dict[str, str]) -> Iterator[str]:
    """Name every module that does not say what it is for; an empty `__init__.py` says nothing and needs nothing."""
    for path, source in files.items():
        if source.strip() and ast.get_docstring(ast.parse(source)) is None:
            yield path


def badly_named(paths: list[str]) -> Iterator[str]:
    """Name every module or package whose name says nothing or shadows the standard library."""
    for path in paths:
        for part in PurePosixPath(path).with_suffix("").parts:
            if part in VAGUE:
                yield f"{path}: '{part}' says nothing"
            elif part in sys.stdlib_module_names and not part.startswith("__"):
                yield f"{path}: '{part}' shadows the standard library"


def matches(pattern: str, texts: dict[str, str]) -> Iterator[str]:
    """Name every line that holds the pattern."""
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            if found := re.search(pattern, line):
                yield f"{path}:{number}: {found[0]}"


def unexplained(texts: dict[str, str]) -> Iterator[str]:
    """Name every silenced finding whose line gives no reason after the code."""
    for path, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            found = re.search(r"#\s*(?:noqa|type:\s*ignore)\b(:?\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[^\]]+\])?(.*)", line)
            if found and not re.search(r"\w{3}", found[2].replace("noqa", "").replace("type: ignore", "")):
                yield f"{path}:{number}: {found[0]}"


def texts() -> dict[str, str]:
    """Return every tracked text but this file."""
    return {
        name: (CHECKOUT / name).read_text(encoding="utf-8")
        for name in tracked_files()
        if name != SELF and PurePosixPath(name).suffix not in BINARY
    }


def test_modules_and_functions_stay_small() -> None:
    """A module fits in one reading, a function on one screen."""
    assert list(too_long(python_files(*CODE))) == []


def test_a_long_module_and_a_long_function_are_found() -> None:
    """The checker can fail."""
    source = "def f() -> None:\n" + "    pass\n" * MODULE_LINES
    assert list(too_long({"infra/a.py": source})) == ["infra/a.py has 401 lines", "infra/a.py:1 f has 401 lines"]


def test_every_module_says_what_it_is_for() -> None:
    """The first line of a module is its reason to exist."""
    assert list(without_docstring(python_files(*ROOTS, "benchmarks", "examples"))) == []
    assert list(without_docstring({"infra/a.py": "import json", "infra/__init__.py": ""})) == ["infra/a.py"]


def test_module_names_carry_a_noun_of_their_own() -> None:
    """No drawer for leftovers, no shadow over the standard library."""
    assert list(badly_named(list(python_files(*CODE)))) == []


@pytest.mark.parametrize("path", ["api/utils.py", "infra/core/engine.py", "models/random.py", "infra/calendar/a.py"])
def test_a_bad_name_is_found(path: str) -> None:
    """The checker can fail."""
    assert len(list(badly_named([path]))) == 1


def test_every_folder_of_tests_is_a_package() -> None:
    """Two tests of one name in two folders never collide."""
    folders = {(CHECKOUT / path).parent for path in python_files("tests")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_no_tracked_file_knows_a_registry_or_a_machine() -> None:
    """The repository works wherever it is cloned, with whatever package index is configured there."""
    assert list(matches(f"{REGISTRIES}|{MACHINES}", texts())) == []


@pytest.mark.parametrize(
    "line", ["url = https://files.pythonhosted.org/x", "--index-url x", "open('/root/a')", "cd /home/ann/oo"]
)
def test_a_registry_or_a_machine_is_found(line: str) -> None:
    """The checker can fail."""
    assert len(list(matches(f"{REGISTRIES}|{MACHINES}", {"a": line}))) == 1


@pytest.mark.parametrize("line", ["$HOME/home/x", "GET /api/opt/x", "~/work/x", "a/root/b"])
def test_a_path_of_no_machine_passes(line: str) -> None:
    """The checker does not cry wolf."""
    assert list(matches(MACHINES, {"a": line})) == []


def test_nothing_is_left_for_later_in_the_code() -> None:
    """Work that is left is an issue, not a comment."""
    assert list(matches(UNFINISHED, texts())) == []
    assert list(matches(UNFINISHED, {"a": "x = 1  # later, TODO", "b": 'TODO = "todo"'})) == ["a:1: # later, TODO"]


def test_every_silenced_finding_has_its_reason() -> None:
    """A `noqa` or `type: ignore` says on its own line why the rule is wrong here."""
    code = {path: text for path, text in texts().items() if path.endswith(".py") and not path.endswith("_pb2.py")}
    assert list(unexplained(code)) == []


@pytest.mark.parametrize(
    ("line", "problems"),
    [
        ("x = 1  # noqa: S101", 1),
        ("x = 1  # noqa", 1),
        ("x = 1  # type: ignore[arg-type]", 1),
        ("x = 1  # noqa: S101, S603 - the command is ours", 0),
        ("x = 1  # type: ignore[arg-type] # the stub is behind", 0),
    ],
)
def test_a_silenced_finding_without_a_reason_is_found(line: str, problems: int) -> None:
    """The checker can fail, and lets reasons pass."""
    assert len(list(unexplained({"a.py": line}))) == problems


def test_what_tools_write_is_not_tracked() -> None:
    """Generated types live beside their schemas, everything else that a run writes is ignored."""
    assert [name for name in tracked_files() if WRITTEN_BY_TOOLS.search(name)] == []
    assert [
        name for name in tracked_files() if "_pb2.py" in name and not name.startswith("data_contracts/events/")
    ] == []


@pytest.mark.parametrize("name", ["uv.lock", "oo/__pycache__/a.pyc", "app.db", ".env.local", "x.egg-info/PKG-INFO"])
def test_a_file_that_a_tool_wrote_is_found(name: str) -> None:
    """The checker can fail."""
    assert WRITTEN_BY_TOOLS.search(name)


def holds_a_secret(name: str, content: bytes) -> bool:
    """Say whether a file is a key or has a credential in it; an archive is, when one of its files is."""
    if KEY_FILES.search(name) or SECRETS.search(content):
        return True
    if re.search(r"\.(tar(\.\w+)?|tgz)$", name) is None:
        return False
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        files = [(member.name, archive.extractfile(member)) for member in archive.getmembers() if member.isfile()]
        return any(file is not None and holds_a_secret(name, file.read()) for name, file in files)


def test_no_tracked_file_holds_a_secret_but_those_made_for_tests() -> None:
    """Each exception is named above with its reason, and leaves the list with its keys."""
    found = {name for name in tracked_files() if holds_a_secret(name, (CHECKOUT / name).read_bytes())}
    assert found == MADE_FOR_TESTS.keys()


def archive_of(name: str, content: bytes) -> bytes:
    """Return a compressed archive of one file."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("deploy/server.pem", b""),
        ("home/keys/people/a.key", b""),
        ("a.txt", b"-----BEGIN " + b"PRIVATE KEY-----"),
        ("a.yaml", b"token: oo_tok_" + b"0" * 64),
        ("a.tar.gz", archive_of("keys/master.key", b"1")),
        ("a.tgz", archive_of("a.txt", b"AKIA" + b"0" * 16)),
    ],
)
def test_a_secret_is_found(name: str, content: bytes) -> None:
    """The checker can fail, also for a file in an archive."""
    assert holds_a_secret(name, content)


@pytest.mark.parametrize("name", ["infra/keys.py", "docs/keys.md", "a.tar.gz"])
def test_what_only_speaks_of_keys_passes(name: str) -> None:
    """The checker does not cry wolf."""
    assert not holds_a_secret(name, archive_of("a.txt", b"key"))
