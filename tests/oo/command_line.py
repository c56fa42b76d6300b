"""Runs `oo` in this process exactly as the installed command does, and keeps what it said."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from oo.cli import main


class Said(NamedTuple):
    """Exit code, data and messages of one command."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What `--json` printed."""
        return json.loads(self.out)


@dataclass
class CommandLine:
    """`oo` in a home, at an instant."""

    home: Path
    monkeypatch: pytest.MonkeyPatch

    def at(self, instant: datetime) -> None:
        """Stop the clock of every later command there."""
        self.monkeypatch.setenv("OO_CLOCK", f"fixed {instant.isoformat()}")

    def __call__(self, *arguments: object) -> Said:
        """Run a command."""
        self.monkeypatch.setenv("OO_HOME", str(self.home))
        self.monkeypatch.setattr(sys, "argv", ["oo", *map(str, arguments)])
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = _exit_code()
        said = Said(code, out.getvalue(), err.getvalue())
        assert "Traceback" not in said.err, said.err
        return said


def _exit_code() -> int:
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
