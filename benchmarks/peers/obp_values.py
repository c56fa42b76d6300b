"""Runs in obp's own environment: `python obp_values.py IN.npz OUT.json`; values, intervals and times of obp 0.5.7.

IN holds `rewards` (rows, items, positions), the reward model that both sides share. Its torch is a stand-in: off-policy
estimators do not use it, and importing obp asks for it.
"""

import json
import sys
import time
import types
from importlib import import_module
from typing import Any

import numpy as np


class _Absent(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


NAMES = ("torch", "torch.nn", "torch.nn.functional", "torch.optim", "torch.utils", "torch.utils.data")
for _name in NAMES:
    sys.modules[_name] = _Absent(_name)
for _name in NAMES[1:]:
    _parent, _, _child = _name.rpartition(".")
    setattr(sys.modules[_parent], _child, sys.modules[_name])


def main(source: str, target: str) -> None:
    """Evaluate the Bernoulli Thompson policy on the random log, campaign all."""
    ope, dataset = import_module("obp.ope"), import_module("obp.dataset").OpenBanditDataset
    given = np.load(source)
    log = dataset(behavior_policy="random", campaign="all").obtain_batch_bandit_feedback()
    n = log["n_rounds"]
    estimators = {
        "ips": ope.InverseProbabilityWeighting(),
        "clipped_ips": ope.InverseProbabilityWeighting(lambda_=10.0),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting(),
        "dm": ope.DirectMethod(),
        "dr": ope.DoublyRobust(),
        "sndr": ope.SelfNormalizedDoublyRobust(),
        "switch_dr": ope.SwitchDoublyRobust(lambda_=10.0),
        "dros": ope.DoublyRobustWithShrinkage(lambda_=100.0),
    }
    arguments = {
        "reward": log["reward"],
        "action": log["action"],
        "pscore": log["pscore"],
        "position": log["position"],
        "action_dist": np.tile(given["table"].T[None], (n, 1, 1)),
        "estimated_rewards_by_reg_model": given["rewards"],
    }
    start = time.perf_counter()
    values = {name: float(each.estimate_policy_value(**arguments)) for name, each in estimators.items()}
    middle = time.perf_counter()
    for each in estimators.values():
        each.estimate_interval(**arguments, n_bootstrap_samples=1_000, random_state=1)
    found = {
        "values": values,
        "seconds": time.perf_counter() - start,
        "seconds_of_values": middle - start,
        "truth": float(dataset.calc_on_policy_policy_value_estimate("bts", "all")),
    }
    with open(target, "w", encoding="utf-8") as file:  # noqa: PTH123 - the peer's environment has no house style
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
