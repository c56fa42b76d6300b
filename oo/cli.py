"""The command line `oo`: every command composes what it needs and imports it only when it runs."""

import sys

import typer

from data_contracts.errors import OOError
from oo.commands import lab, learning, life, privacy, running
from oo.output import note

REFUSED = 1

app = typer.Typer(
    name="oo",
    help="One tip, at the right moment, or silence.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (running, life, learning, lab, privacy):
    group.register(app)


def main() -> None:
    """Run a command; a refusal is one sentence on stderr and exit 1, a usage error exit 2."""
    try:
        app()
    except OOError as error:
        note(f"oo: {error}")
        sys.exit(REFUSED)
