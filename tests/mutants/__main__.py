"""`make mutants`: whether the tests notice small changes of the rules that must not change by accident.

Prints a table and every survivor. Exits with 1 when less than 85 % of a module's mutants are killed, or when one that
is called equivalent is killed or no longer exists. A run that was interrupted goes on where it ended, as long as no
Python file has changed.
"""

import hashlib
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.mutants.judging import survivors
from tests.mutants.mutations import Mutant, mutants
from tests.mutants.table import TARGETS, Target
from tests.source_tree import CHECKOUT, tracked_files

ENOUGH = 0.85
WORKERS = 2
ROW = "{:<12} {:<28} {:>7} {:>7} {:>9} {:>11} {:>7}\n"
HEAD = ROW.format("part", "module", "mutants", "killed", "survived", "equivalent", "rate")


class Verdict(NamedTuple):
    """What became of the mutants of one module; `stale` are called equivalent, and are killed or gone."""

    killed: int
    survived: list[Mutant]
    equivalent: list[Mutant]
    stale: list[str]

    @property
    def rate(self) -> float:
        """The share that was killed of those that a test could tell from the source."""
        return self.killed / (self.killed + len(self.survived))

    @property
    def holds(self) -> bool:
        """Whether enough were killed, and every equivalent is one."""
        return self.rate >= ENOUGH and not self.stale


def judge(target: Target, log: Path) -> Verdict:
    """Judge every mutant of a module whose fate is not in the log, and add it there."""
    found = list(mutants(target.module))
    left = [each for each in found if str(each) not in _fates(log)]
    process = multiprocessing.get_context("fork").Process(target=_judge, args=(target, left, log))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    fates = _fates(log)
    living = [each for each in found if fates[str(each)]]
    return Verdict(
        killed=len(found) - len(living),
        survived=[each for each in living if each.name not in target.equivalent],
        equivalent=[each for each in living if each.name in target.equivalent],
        stale=sorted(target.equivalent.keys() - {each.name for each in living}),
    )


def _fates(log: Path) -> dict[str, bool]:
    return dict(json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()) if log.exists() else {}


def _judge(target: Target, left: Sequence[Mutant], log: Path) -> None:
    with log.open("a", encoding="utf-8", buffering=1) as lines:
        for mutant, survived in survivors(target, left, WORKERS) if left else ():
            lines.write(json.dumps((str(mutant), survived)) + "\n")


def report(parts: Mapping[str, Sequence[Target]], log: Path) -> int:
    """Judge some parts and print what was found; return 0 when every module holds."""
    sys.stdout.write(HEAD)
    all_hold = True
    for part, target in ((part, target) for part, targets in parts.items() for target in targets):
        sys.stdout.flush()
        found = judge(target, log)
        all_hold = all_hold and found.holds
        counts = (found.killed, len(found.survived), len(found.equivalent))
        sys.stdout.write(ROW.format(part, target.module, sum(counts), *counts, f"{found.rate:.1%}"))
        sys.stdout.writelines(f"  survived: {each}\n" for each in found.survived)
        for each in found.equivalent:
            sys.stdout.write(f"  equivalent: {each} ({target.equivalent[each.name]})\n")
        sys.stdout.writelines(f"  called equivalent, but killed or gone: {name}\n" for name in found.stale)
    return 0 if all_hold else 1


def log_of_this_code() -> Path:
    """Return where the fates of the mutants are kept until a Python file changes."""
    code = hashlib.sha256()
    for name in sorted(name for name in tracked_files() if name.endswith((".py", ".toml", ".lock"))):
        code.update(name.encode() + b"\0" + (CHECKOUT / name).read_bytes())
    folder = CHECKOUT / ".pytest_cache" / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{code.hexdigest()}.jsonl"


def main(names: Sequence[str]) -> int:
    """Judge the named parts, or all of them."""
    os.chdir(CHECKOUT)
    return report({name: TARGETS[name] for name in names or TARGETS}, log_of_this_code())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
