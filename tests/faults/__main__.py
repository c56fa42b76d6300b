"""`make faults`: the long version, on SQLite and on PostgreSQL, printed as JSON; `docs/streaming.md` has its table."""

import json
import os
import sys
import tempfile
from pathlib import Path

from tests.faults.runs import long_run
from tests.faults.servers import postgresql

rounds = int(os.environ.get("ROUNDS", "100"))
away_s = float(os.environ.get("AWAY_S", "300"))
seed = int(os.environ.get("SEED", "1"))
kinds = os.environ.get("DATABASES", "sqlite postgresql").split()
sound = True
reports = {}
for kind in kinds:
    with tempfile.TemporaryDirectory(prefix="oo-faults-") as folder, postgresql(kind) as url:
        report = long_run(Path(folder), url, rounds=rounds, away_s=away_s, seed=seed)
    reports[kind] = report.as_json()
    sound &= report.sound
sys.stdout.write(json.dumps(reports, indent=2) + "\n")
sys.exit(not sound)
