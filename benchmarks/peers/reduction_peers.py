"""Runs in the peers' environment: `python reduction_peers.py SET.npz ROUNDS SEED... -- PEER`; JSON, a line a seed.

PEER is `mabwiser` or the arguments of Vowpal Wabbit behind `--cb_explore_adf`. Each seed is an order of the rows, the
same as ours. Columns are scaled to [0, 1] by the whole set's range, which spares these peers what ours has to learn.
Vowpal Wabbit is asked for its distribution, one action is drawn, and only then it learns from that action's cost.
"""

import hashlib
import json
import sys
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ALPHA = 1.0


def vowpal_wabbit(rows: Floats, labels: Labels, actions: int, seed: int, arguments: str) -> int:
    """Return how many rounds were wrong."""
    made = import_module("vowpalwabbit").Workspace
    learner = made(f"--cb_explore_adf --quiet --random_seed {seed + 1} -b 22 {arguments}")
    rng, wrong = np.random.default_rng([seed, 7]), 0
    names = [f"|a a{action}" for action in range(actions)]
    for row, label in zip(rows, labels.tolist(), strict=True):
        shared = "shared |s " + " ".join(f"{place}:{row[place]:.6g}" for place in np.flatnonzero(row))
        chances = np.array(learner.predict([shared, *names]))
        chosen = min(int(chances.cumsum().searchsorted(rng.random() * chances.sum(), side="right")), actions - 1)
        wrong += chosen != label
        told = [shared, *names]
        told[1 + chosen] = f"0:{float(chosen != label)}:{chances[chosen]:.6g} {names[chosen]}"
        learner.learn(told)
    learner.finish()
    return wrong


def mabwiser(rows: Floats, labels: Labels, actions: int, seed: int) -> int:
    """Return how many rounds LinUCB got wrong."""
    module = import_module("mabwiser.mab")
    learner: Any = module.MAB(list(range(actions)), module.LearningPolicy.LinUCB(alpha=ALPHA), seed=seed)
    rows = np.hstack((rows, np.ones((len(rows), 1))))
    first = int(np.random.default_rng(seed).integers(actions))
    learner.fit([first], [float(first == labels[0])], rows[:1])
    wrong = int(first != labels[0])
    for row, label in zip(rows[1:, None], labels[1:].tolist(), strict=True):
        chosen = int(learner.predict(row))
        wrong += chosen != label
        learner.partial_fit([chosen], [float(chosen == label)], row)
    return wrong


def main(path: str, rounds: str, *rest: str) -> None:
    """Print a line of JSON for each seed: the share of wrong rounds, and a digest of the labels in their order."""
    cut = rest.index("--")
    seeds, peer = [int(seed) for seed in rest[:cut]], " ".join(rest[cut + 1 :])
    given = np.load(path)
    contexts, labels = given["X"].astype(np.float64), given["y"]
    low, span = contexts.min(axis=0), np.ptp(contexts, axis=0)
    contexts = (contexts - low) / np.where(span > 0.0, span, 1.0)
    actions = int(labels.max()) + 1
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(labels.size)[: int(rounds)]
        rows, mine = contexts[order], labels[order]
        if peer == "mabwiser":
            wrong = mabwiser(rows, mine, actions, seed)
        else:
            wrong = vowpal_wabbit(rows, mine, actions, seed, peer)
        seen = hashlib.sha256(mine.astype("<i8").tobytes()).hexdigest()
        print(json.dumps({"seed": seed, "loss": wrong / mine.size, "seen": seen}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
