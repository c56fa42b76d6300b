"""Off-policy values on the Open Bandit sample: ours against obp 0.5.7, which runs in an environment of its own.

The random log of campaign all, the Bernoulli Thompson policy that obp ships as the target, and one reward model for
both sides. Both sides give eight values and the bootstrap intervals of 1,000 samples. `relative_error` is of the
estimator that `models.estimators.PRIMARY` declares beforehand.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.peer_environment import OBP, python_of
from benchmarks.result import Result
from models.estimators import PRIMARY
from models.estimators.evaluation import Evaluation, evaluate
from models.logs.open_bandit import ItemDistribution, OpenBanditLog

PEERS = Path(__file__).parent / "peers"
ROUNDS = 3
TOLERANCE = 1e-9
TARGET = 10


def _best(log: OpenBanditLog, target: ItemDistribution) -> tuple[Evaluation, float]:
    found, seconds = None, float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = evaluate(log, target, sequences=False)
        seconds = min(seconds, time.perf_counter() - start)
    assert found is not None
    return found, seconds


def run() -> Result:
    """Measure both sides on the same log."""
    python = python_of(OBP)
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "in.npz", Path(folder) / "out.json"
        subprocess.run([python, str(PEERS / "obp_target.py"), str(given)], check=True)
        target = np.load(given)
        log = OpenBanditLog(Path(str(target["log"])))
        model = log.reward_model()
        rewards = np.concatenate([model.means[rows.fold] for rows in log.chunks()]).transpose(0, 2, 1)
        np.savez(given, table=target["table"], rewards=rewards)
        found, seconds = _best(log, ItemDistribution("bts", target["table"]))
        subprocess.run([python, str(PEERS / "obp_values.py"), str(given), str(answer)], check=True)
        peer = json.loads(answer.read_text(encoding="utf-8"))
    errors = {name: abs(each.value - peer["values"][name]) for name, each in found.estimates.items()}
    truth = peer["truth"]
    return Result(
        name="open_bandit",
        ours=seconds,
        peer=peer["seconds"],
        unit="s",
        ratio=peer["seconds"] / seconds,
        target=TARGET,
        equal=max(errors.values()) <= TOLERANCE,
        notes={
            "largest_error": max(errors.values()),
            "truth": truth,
            "primary": PRIMARY,
            "relative_error": abs(found.estimates[PRIMARY].value - truth) / truth,
            "relative_error_of_dm": abs(found.estimates["dm"].value - truth) / truth,
            "peer_seconds_of_values": peer["seconds_of_values"],
        },
    )
