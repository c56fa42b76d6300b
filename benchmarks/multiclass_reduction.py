"""Multi-class reductions: progressive loss of `oo reduce` against Vowpal Wabbit and MABWiser, on the same rounds.

The peers and the packages that ship the data live in an environment of their own, which this makes with uv unless
`OO_BENCH_PEERS` names its Python. Each set is seen in 20 orders, the first 2,000 rounds of each (digits has 1,797).

One setting per side for all sets, the best mean on `TUNING`, whose sets are not reported. Tried were for VW plain and
quadratic features, learning rates 0.5, 2, 5 and `--coin`, gamma scales, mellowness 0.1 to 0.0001, epsilon 0.02 and
0.05, covers of 2, 4, 8 with and without uniform actions, `mtr` and `dr`; for MABWiser LinUCB with alpha 0.1, 0.3, 1;
for ours widths of 0.15 to 1, landmarks of 150 to 800 and the ways of choosing.

`ours` and `peer` are mean losses, the peer's of the one that is best on that very set; `ratio` is the geometric mean of
theirs over ours; `equal` says that all sides saw the same labels in the same order. `notes` hold for each set the
losses and the paired 95 % interval of ours - 0.95 theirs: a win where it lies below 0.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.result import PeerMissing, Result
from models.policies import RegCB
from models.reduction.examples import examples_from
from models.reduction.run import reduce

PEERS = Path(__file__).parent / "peers"
TUNING = ("segment", "vowel", "vehicle", "marketing", "mushroom", "chess", "movement_libras")
REPORTED = ("digits", "satimage", "penbased", "letter", "texture", "phoneme", "spambase", "magic")
QUADRATIC = "-q sa --interactions ssa"
SETTINGS = {
    "vw squarecb": f"{QUADRATIC} --squarecb -l 2",
    "vw regcb": f"{QUADRATIC} --regcbopt --mellowness 0.001 -l 2",
    "vw epsilon": f"{QUADRATIC} --epsilon 0.05 -l 2",
    "vw cover": f"{QUADRATIC} --cover 4 --nounif -l 2",
    "mabwiser": "mabwiser",
}
OURS = RegCB.NAME
ROUNDS = 2_000
SEEDS = 20
AIM = 0.95
Z = 1.959964

Floats = NDArray[np.float64]


class Losses(NamedTuple):
    """One side's losses on one set, a seed each, and the digests of what it saw."""

    losses: Floats
    seen: tuple[str, ...]


@contextmanager
def peers() -> Iterator[str]:
    """Yield the Python of the peers' environment."""
    named = os.environ.get("OO_BENCH_PEERS")
    if named is not None:
        yield named
        return
    uv = Path(sys.executable).parent / "uv"
    if not uv.exists():
        raise PeerMissing("uv is not in this environment, and OO_BENCH_PEERS names no Python with the peers")
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder) / "bin" / "python")
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
        wanted = str(PEERS / "reduction_requirements.txt")
        subprocess.run([uv, "pip", "install", "-q", "--python", python, "-r", wanted], check=True)
        yield python


def theirs(python: str, path: Path, arguments: str) -> Losses:
    """Return a peer's losses."""
    seeds = [str(seed) for seed in range(SEEDS)]
    command = [python, str(PEERS / "reduction_peers.py"), str(path), str(ROUNDS), *seeds, "--", arguments]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in told.splitlines()]
    return Losses(np.array([line["loss"] for line in lines]), tuple(line["seen"] for line in lines))


def ours(path: Path) -> Losses:
    """Return our losses."""
    examples = examples_from(path)
    losses = [reduce(examples, OURS, seed, ROUNDS).progressive_loss for seed in range(SEEDS)]
    orders = (np.random.default_rng(seed).permutation(examples.right.size)[:ROUNDS] for seed in range(SEEDS))
    seen = (hashlib.sha256(examples.right[order].astype("<i8").tobytes()).hexdigest() for order in orders)
    return Losses(np.array(losses), tuple(seen))


def compared(mine: Losses, others: dict[str, Losses]) -> dict[str, Any]:
    """Return one set's row: losses, the best peer, and the paired interval of ours - AIM theirs."""
    best = min(others, key=lambda name: float(others[name].losses.mean()))
    difference = mine.losses - AIM * others[best].losses
    reach = Z * float(difference.std(ddof=1)) / np.sqrt(difference.size)
    mean = float(difference.mean())
    return {
        "ours": float(mine.losses.mean()),
        "best": best,
        "theirs": {name: float(each.losses.mean()) for name, each in others.items()},
        "ratio": float(mine.losses.mean() / others[best].losses.mean()),
        "difference": [mean - reach, mean + reach],
        "won": bool(mean + reach < 0.0),
    }


def measured(path: Path, python: str) -> tuple[dict[str, Any], bool]:
    """Return one set's row, and whether all sides saw the same."""
    mine = ours(path)
    others = {peer: theirs(python, path, arguments) for peer, arguments in SETTINGS.items()}
    row = compared(mine, others)
    print(f"  {path.stem}: {json.dumps(row)}", flush=True)
    return row, all(each.seen == mine.seen for each in others.values())


def run() -> Result:
    """Measure all sides on all reported sets."""
    workers = int(os.environ.get("OO_BENCH_WORKERS", os.cpu_count() or 1))
    with peers() as python, tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(workers) as pool:
        subprocess.run([python, str(PEERS / "reduction_sets.py"), folder, *REPORTED], check=True)
        paths = [Path(folder) / f"{name}.npz" for name in REPORTED]
        rows = list(pool.map(measured, paths, [python] * len(paths)))
    table = {name: row for name, (row, _) in zip(REPORTED, rows, strict=True)}
    equal = all(same for _, same in rows)
    best = [row["theirs"][row["best"]] for row in table.values()]
    return Result(
        name="multiclass_reduction",
        ours=float(np.mean([row["ours"] for row in table.values()])),
        peer=float(np.mean(best)),
        unit="loss",
        ratio=float(np.exp(-np.mean([np.log(row["ratio"]) for row in table.values()]))),
        target=1.0 / AIM,
        equal=equal,
        notes={"won": sum(row["won"] for row in table.values()), "of": len(table), "rounds": ROUNDS, "sets": table},
    )
