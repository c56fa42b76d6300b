"""Runs in obp's own environment: `python obp_lints.py IN.npz OUT.npz TAUGHT DRAWS`; LinTS of obp 0.5.7.

First the speed of `run_bandit_simulation` on the log (0.5.7 calls it `run_bandit_replay`, and calls its progress bar by
the name of the bar's module, which fails: here there is no bar), then what a policy that learned the first TAUGHT rows
holds, and what it chooses DRAWS times in each context.
"""

import sys
import time
from importlib import import_module
from typing import Any

import numpy as np

import_module("obp_values")  # its stand-ins come first
ROUNDS = 1_000


def _policy(given: Any) -> Any:
    made = import_module("obp.policy").LinTS
    return made(dim=given["x"].shape[1], n_actions=int(given["action"].max()) + 1, random_state=1)


def main(source: str, target: str, taught: str, draws: str) -> None:
    """Measure, learn, choose."""
    given = np.load(source)
    log = {
        "n_rounds": ROUNDS,
        "action": given["action"][:ROUNDS],
        "reward": given["reward"][:ROUNDS],
        "context": given["x"][:ROUNDS],
        "position": None,
        "pscore": np.full(ROUNDS, 0.1),
    }
    replay: Any = import_module("obp.simulator.replay")
    replay.tqdm = lambda rounds, total: rounds  # noqa: ARG005 - called by name
    start = time.perf_counter()
    replay.run_bandit_replay(bandit_feedback=log, policy=_policy(given))
    seconds = time.perf_counter() - start
    policy = _policy(given)
    for row in range(int(taught)):
        policy.update_params(int(given["action"][row]), float(given["reward"][row]), given["x"][row : row + 1])
    picks = [[policy.select_action(x[None])[0] for _ in range(int(draws))] for x in given["contexts"]]
    mean = np.einsum("aij,ja->ai", policy.A_inv, policy.b)
    np.savez(target, rounds=ROUNDS, seconds=seconds, mean=mean, spread=policy.A_inv, picks=np.array(picks))


if __name__ == "__main__":
    main(*sys.argv[1:])
