"""The catalogues of threats and faults: every number is there, and every test and attack that one names exists."""

import ast
import re

import pytest

from tests.source_tree import CHECKOUT, python_files

CATALOGUES = {"docs/threats.md": ("T", 40), "docs/faults.md": ("R", 28)}
ROW = re.compile(r"^\| ([A-Z]\d+) \|([^|]+)\|([^|]+)\|([^|]+)\|$", re.MULTILINE)
NAMED_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NOT_YET = "not yet: "


def names_in(path: str) -> set[str]:
    """Return the names of the tests in a module; empty when there is no such module."""
    file = CHECKOUT / path
    tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def attacks() -> set[str]:
    """Return the names of all attacks, read from the source."""
    return {
        node.name.replace("_", " ")
        for source in python_files("tests/attack").values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(one, ast.Call) and ast.unparse(one.func) == "attack" for one in node.decorator_list)
    }


def named_attacks(proof: str) -> list[str]:
    """Return the attacks that a proof names."""
    found = re.search(r"attack: ([^;`]+)", proof)
    return [name.strip() for name in found[1].split(",")] if found else []


def wrong(text: str, letter: str, count: int) -> list[str]:
    """Return what is wrong with a catalogue."""
    rows = ROW.findall(text)
    numbers = [number for number, *_ in rows]
    problems = [] if numbers == [f"{letter}{n}" for n in range(1, count + 1)] else [f"the numbers are {numbers}"]
    for number, control, proof in ((row[0], row[2].strip(), row[3].strip()) for row in rows):
        tests, tried = NAMED_TEST.findall(proof), named_attacks(proof)
        problems += [f"{number}: there is no {path}::{name}" for path, name in tests if name not in names_in(path)]
        problems += [f"{number}: there is no attack {name!r}" for name in tried if name not in attacks()]
        if not (tests or tried or proof.startswith(NOT_YET)):
            problems.append(f"{number} is proved by nothing")
        if not control and not proof.startswith(NOT_YET):
            problems.append(f"{number} says nothing about what is done")
    return problems


@pytest.mark.parametrize("page", CATALOGUES)
def test_every_number_has_a_test_that_exists_or_a_reason(page: str) -> None:
    """A catalogue whose test was renamed or removed is wrong at once."""
    assert wrong((CHECKOUT / page).read_text(encoding="utf-8"), *CATALOGUES[page]) == []


def test_a_missing_number_test_attack_and_reason_are_found() -> None:
    """The checker can fail."""
    gone, here = "`tests/no.py::test_x`", "`tests/test_catalogues.py::test_no`"
    text = f"| T1 | a | b | {gone} |\n| T2 | a | b | {here} |\n| T4 | a | | none |\n| T5 | a | b | attack: magic |\n"
    assert wrong(text, "T", 5) == [
        "the numbers are ['T1', 'T2', 'T4', 'T5']",
        "T1: there is no tests/no.py::test_x",
        "T2: there is no tests/test_catalogues.py::test_no",
        "T4 is proved by nothing",
        "T4 says nothing about what is done",
        "T5: there is no attack 'magic'",
    ]
