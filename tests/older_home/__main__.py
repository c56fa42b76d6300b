"""Makes the home of this folder anew: `python -m tests.older_home`, in some minutes, most of them for an environment.

The commit is checked out into a temporary folder and gets an environment of its own from its own lock; `live.py` lives
in the home there. The keys, the ids and MLflow's times are other ones each time, so the archive is, too.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.before_after import checked_out
from tests.older_home.packing import ARCHIVE, COMMIT, pack

ENVIRONMENT = 'make ".venv/.installed-$(pwd | cksum | cut -d" " -f1)"'
QUIET = {"TZ": "UTC", "DO_NOT_TRACK": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}


def main() -> int:
    """Make the home, and replace the archive by it."""
    live = Path(__file__).with_name("live.py")
    with checked_out(COMMIT) as checkout, tempfile.TemporaryDirectory(prefix="oo-older-home-") as name:
        folder = Path(name).resolve()
        subprocess.run(["bash", "-c", ENVIRONMENT], cwd=checkout, check=True)
        older = checkout / ".venv" / "bin" / "python"
        command = [str(each) for each in (older, "-P", live, folder / "home", folder / "said")]
        subprocess.run(command, cwd=checkout, env=os.environ | QUIET, check=True)
        logs = [path for path in (folder / "home").rglob("*-wal") if path.stat().st_size]
        if logs:
            raise RuntimeError(f"{logs[0]} was not checkpointed")
        pack(folder, ARCHIVE)
    sys.stderr.write(f"{ARCHIVE}: {ARCHIVE.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
