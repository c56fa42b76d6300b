"""Reads the project's own source as syntax trees: which modules there are and what they import."""

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
ROOTS = ("data_contracts", "infra", "feature_repo", "models", "serving", "api", "flows", "oo")


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` gives module `a.b` and name `c`."""

    line: int
    module: str
    name: str = ""
    at_import_time: bool = True


def imports(source: str) -> list[Import]:
    """Return every import of a module: those inside functions, under TYPE_CHECKING and by `import_module("x")` too."""
    found: list[Import] = []
    _walk(ast.parse(source), found, at_import_time=True)
    return found


def _walk(node: ast.AST, found: list[Import], *, at_import_time: bool) -> None:
    for child in ast.iter_child_nodes(node):
        found.extend(_imports_of(child, at_import_time=at_import_time))
        deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        skipped = isinstance(child, ast.If) and re.search("TYPE_CHECKING|__main__", ast.unparse(child.test)) is not None
        _walk(child, found, at_import_time=at_import_time and not deferred and not skipped)


def _imports_of(node: ast.AST, *, at_import_time: bool) -> Iterator[Import]:
    match node:
        case ast.Import(names=names):
            for alias in names:
                yield Import(node.lineno, alias.name, at_import_time=at_import_time)
        case ast.ImportFrom(module=module, names=names, level=level):
            for alias in names:
                yield Import(node.lineno, "." * level + (module or ""), alias.name, at_import_time)
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name)), *_]):
            if called in ("import_module", "__import__"):
                yield Import(node.lineno, name, at_import_time=False)


def python_files(*roots: str) -> dict[str, str]:
    """Return the text of every module below `roots`, by its path in the checkout; generated modules are left out."""
    return {
        path.relative_to(CHECKOUT).as_posix(): path.read_text(encoding="utf-8")
        for root in roots
        for path in sorted((CHECKOUT / root).rglob("*.py"))
        if not path.name.endswith("_pb2.py")
    }


@cache
def tracked_files() -> tuple[str, ...]:
    """Return what git tracks, or would track on `git add .`; ignored files are left out."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    )
    return tuple(name for name in listing.stdout.split("\0") if name and (CHECKOUT / name).is_file())


def module_name(path: str) -> str:
    """Return the dotted name of a module file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
