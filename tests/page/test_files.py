"""The files of the page: which are served, how caches treat them, and what ships them."""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from api.page.endpoints import FOLDER, SHELL
from tests.api.conftest import ApiHarness, lasting_api
from tests.source_tree import CHECKOUT

MODULES = sorted(FOLDER.glob("*.js"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiHarness]:
    """Return one API for all files."""
    with lasting_api(tmp_path_factory.mktemp("files")) as api:
        yield api


def test_every_file_is_served_and_no_other() -> None:
    """The login page has an address of its own, which holds the link's token."""
    assert sorted([*SHELL.values(), "login.html"]) == sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("path", SHELL)
def test_a_file_is_sent_once_and_asked_for_each_time(shared: ApiHarness, path: str) -> None:
    """Its tag is made of its content, HEAD tells what GET sends, nothing else is allowed."""
    content = (FOLDER / SHELL[path]).read_bytes()
    client = shared.client()
    answer = client.get(path)
    tag = answer.headers["etag"]
    known = client.get(path, headers={"if-none-match": tag})
    asked = client.head(path)
    assert (answer.status_code, answer.content) == (200, content)
    assert (tag, answer.headers["cache-control"]) == (f'"{sha256(content).hexdigest()[:16]}"', "no-cache")
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)
    assert (asked.status_code, asked.content, asked.headers["content-length"]) == (200, b"", str(len(content)))
    assert [client.request(method, path).status_code for method in ("POST", "PUT", "DELETE")] == [405] * 3


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_imports_what_is_served(module: Path) -> None:
    """By a path that a browser resolves as it stands."""
    for target in re.findall(r"^import .*\"(.+)\";$", module.read_text(encoding="utf-8"), re.MULTILINE):
        assert target.startswith("./")
        assert target[1:] in SHELL


def test_the_service_worker_keeps_every_script_and_style() -> None:
    """What is missing in its list would be missing without a connection."""
    worker = (FOLDER / "sw.js").read_text(encoding="utf-8")
    modules = re.search(r"^const MODULES = \[(.*)\];$", worker, re.MULTILINE)
    assert modules is not None
    kept = {f"/{name}.js" for name in re.findall(r'"(\w+)"', modules[1])}
    assert kept == {f"/{path.name}" for path in MODULES} - {"/sw.js"}
    assert '"/style.css"' in worker


def test_the_wheel_ships_the_files() -> None:
    """An installed oO serves the same page as a checkout."""
    shipped = {file.relative_path for file in WheelBuilder(str(CHECKOUT)).recurse_included_files()}
    assert {path.relative_to(CHECKOUT).as_posix() for path in FOLDER.iterdir()} - shipped == set()
