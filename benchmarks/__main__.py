"""`python -m benchmarks [NAME]`: runs what exposes `run() -> Result`, records it, fails when worse by a fifth."""

import inspect
import pkgutil
import sys
from collections.abc import Callable
from importlib import import_module

import benchmarks
from benchmarks.result import PeerMissing, Result, complaint, record, recorded_ratio, verdicts


def runner(name: str) -> Callable[[], Result] | None:
    """Return the benchmark of a module, None when the module is none."""
    run = getattr(import_module(f"benchmarks.{name}"), "run", None)
    if run is None or inspect.signature(run).return_annotation is not Result:
        return None
    found: Callable[[], Result] = run
    return found


def main(names: list[str]) -> int:
    """Run the named benchmarks, all without a name; 0 when all hold, 1 when one fails, 2 for an unknown name."""
    modules = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]
    unknown = [name for name in names if name not in modules or runner(name) is None]
    if unknown:
        sys.stderr.write(f"no such benchmark: {', '.join(unknown)}\n")
        return 2
    complaints = []
    for name in names or modules:
        run = runner(name)
        if run is None:
            continue
        try:
            result = run()
        except PeerMissing as missing:
            print(f"{name}: not run, {missing}")
            continue
        print(
            f"{result.name}: ours {result.ours:,.6g} {result.unit}, peer {result.peer:,.6g} {result.unit}, "
            f"ratio {result.ratio:.1f}, {verdicts(result)}, equal {result.equal}, {result.notes}"
        )
        refusal = complaint(result, recorded_ratio(result.name))
        if refusal:
            complaints.append(refusal)
        else:
            record(result)
    sys.stderr.writelines(f"{refusal}\n" for refusal in complaints)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
