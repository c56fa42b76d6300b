"""The command line `oo`: every command composes what it needs and imports it only when it runs."""

import os
import sys

import typer

from oo.commands import audit_log, experiments, keys, lab, learning, life, privacy, reduction, repair, running, sources
from oo.ui.cli_errors import Misused, refusing

# processes that `oo` starts never take a file of the folder they are started in for a module of theirs
SAFE = {"PYTHONSAFEPATH": "1"}
# matrices here are small: a second thread of BLAS waits for its turn longer than it works, ten times on a busy box
ALONE = {"OPENBLAS_NUM_THREADS": "1"}
QUIET = {"MLFLOW_LOGGING_LEVEL": "WARNING", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

app = typer.Typer(
    name="oo",
    help="One tip, at the right moment, or silence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (running, life, sources, learning, lab, experiments, reduction, privacy, audit_log, keys, repair):
    group.register(app)


def main() -> None:
    """Run a command; a refusal is one sentence on stderr and exit 1, a usage error exit 2."""
    for name, value in (SAFE | ALONE | QUIET).items():
        os.environ.setdefault(name, value)
    os.umask(0o077)  # whatever oO writes is about a person
    with refusing():
        if any("\udc80" <= character <= "\udcff" for argument in sys.argv for character in argument):
            raise Misused("an argument is not UTF-8 text; rename the file that is called so")
        app(prog_name="oo")
