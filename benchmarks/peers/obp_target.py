"""Runs in obp's own environment: `python obp_target.py OUT.npz`; the target's probabilities and the log's place."""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np

SIMULATIONS = 100_000


def main(target: str) -> None:
    """Write `table` (positions, items) and the path of the sample."""
    import_module("obp_values")  # its stand-ins come first
    made = import_module("obp.policy").BernoulliTS
    policy = made(n_actions=80, len_list=3, is_zozotown_prior=True, campaign="all", random_state=12345)
    table = policy.compute_batch_action_dist(n_rounds=1, n_sim=SIMULATIONS)[0].T
    log = Path(str(import_module("obp").__file__)).parent / "dataset" / "obd" / "random" / "all" / "all.csv"
    np.savez(target, table=table, log=str(log))


if __name__ == "__main__":
    main(*sys.argv[1:])
