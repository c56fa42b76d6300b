"""`make faults`: the long version, on SQLite and on PostgreSQL, then power losses; printed as JSON.

`docs/streaming.md` has its table.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from tests.faults.power_loss import compiled, compiler
from tests.faults.power_runs import power_run
from tests.faults.runs import long_run
from tests.faults.servers import postgresql

rounds = int(os.environ.get("ROUNDS", "100"))
away_s = float(os.environ.get("AWAY_S", "300"))
seed = int(os.environ.get("SEED", "1"))
cuts = int(os.environ.get("CUTS", "5"))  # power losses of each of the seeds
kinds = os.environ.get("DATABASES", "sqlite postgresql").split()
sound = True
reports = {}
for kind in kinds:
    with tempfile.TemporaryDirectory(prefix="oo-faults-") as folder, postgresql(kind) as url:
        report = long_run(Path(folder), url, rounds=rounds, away_s=away_s, seed=seed)
    reports[kind] = report.as_json()
    sound &= report.sound
for luck in range(seed, seed + 3 if compiler() else seed):  # without a C compiler there is no power loss
    with tempfile.TemporaryDirectory(prefix="oo-power-") as folder:
        cut = power_run(Path(folder), compiled(Path(folder)), rounds=cuts, seed=luck)
    reports[f"power loss, seed {luck}"] = cut.as_json()
    sound &= cut.sound
sys.stdout.write(json.dumps(reports, indent=2) + "\n")
sys.exit(not sound)
