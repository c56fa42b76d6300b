"""`make soak`: an hour of mixed requests on the processes of `oo up --nats`, as JSON; DURATION is in seconds."""

import json
import os
import sys

from tests.attack.target import target
from tests.soak.mixed_load import MixedLoad
from tests.soak.soaking import soak


def main() -> int:
    """Run; return 0 when nothing grew that may not."""
    duration_s = float(os.environ.get("DURATION") or 3_600)
    with target() as one, one.up(one.home(), "--nats") as server:
        server.sid = one.sign_in(server)
        verdict = soak(MixedLoad(server.port, server.sid), server.pid, server.home, server.log, duration_s)
    sys.stdout.write(json.dumps({**verdict.figures, "wrong": verdict.wrong}, indent=2) + "\n")
    return int(bool(verdict.wrong))


if __name__ == "__main__":
    sys.exit(main())
