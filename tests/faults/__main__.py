"""`make faults`: the long version, printed as JSON."""

import json
import os
import sys
import tempfile
from pathlib import Path

from tests.faults.harness import run

rounds = int(os.environ.get("ROUNDS", "60"))
seed = int(os.environ.get("SEED", "1"))
with tempfile.TemporaryDirectory(prefix="oo-faults-") as folder:
    report = run(Path(folder), rounds=rounds, seed=seed)
sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n")
sys.exit(bool(report.lost or report.not_mirrored or report.foreign or report.wrong_state))
