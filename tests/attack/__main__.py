"""`make attack`: everything that a stranger might try, against the real processes, on loopback, and then the table.

`python -m tests.attack NAME ...` runs the attacks whose name contains a word and records these anew. `CODE` names
another checkout with an environment of its own to attack instead, and `RESULTS` the file for its results.
"""

import os
import sys
import time
from pathlib import Path

from tests.attack import credentials, exhaustion, floods, garbage, homes, overload, remote_code
from tests.attack.catalogue import ATTACKS, Attack, Seen
from tests.attack.results import RESULTS, Result, Run, commit_of, dump, load, today, write
from tests.attack.target import Target, target
from tests.source_tree import CHECKOUT

PARTS = (remote_code, floods, credentials, exhaustion, homes, garbage, overload)


def attacked(one: Attack, against: Target) -> Result:
    """Do one attack; one that could not be done was not held."""
    began = time.monotonic()
    try:
        seen = one.run(against)
    except Exception as error:  # noqa: BLE001 - the edge of an attack: the others go on
        lines = str(error).strip().splitlines() or [""]
        seen = Seen(f"could not be done: {type(error).__name__} {lines[-1][:200]}", held=False)
    seconds = round(time.monotonic() - began, 1)
    where = commit_of(against.code), today()
    text = seen.text.replace(f"{against.folder}/", "")  # it is gone, and says something about this machine
    return Result(one.name, one.threats, one.sent, one.must, text, seen.held, seconds, *where)


def main(words: list[str]) -> int:
    """Attack; return 0 when everything was held."""
    code, file = Path(os.environ.get("CODE") or CHECKOUT), Path(os.environ.get("RESULTS") or RESULTS)
    wanted = [one for one in ATTACKS if not words or any(word in one.name for word in words)]
    run = load(file) if words else Run("", ())
    all_held = bool(wanted)
    with target(code) as against:
        for one in wanted:
            result = attacked(one, against)
            run, all_held = run.put(result), all_held and result.held
            said = f"{'held' if result.held else 'NOT HELD'}  {result.name} ({result.seconds:.0f} s): {result.seen}\n"
            sys.stderr.write(said)
            sys.stderr.flush()
            file.write_text(dump(run), encoding="utf-8")  # whatever happens to the next one
    if file == RESULTS:
        write(run)
    return int(not all_held)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
