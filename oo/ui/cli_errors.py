"""Errors of a command: one sentence, and a traceback only for defects of oO."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from data_contracts.errors import Malformed, OOError
from oo.ui.output import note

REFUSED = 1
USAGE = 2
# asked of loaded modules only: what was never imported cannot have raised
DATABASE_ERRORS = (("sqlalchemy.exc", "DBAPIError"), ("sqlite3", "DatabaseError"), ("psycopg", "Error"))


class Misused(Malformed):
    """An argument that the command cannot understand."""


class Refusal(NamedTuple):
    """One sentence, and the exit code of the command."""

    sentence: str
    exit_code: int


@contextmanager
def refusing() -> Iterator[None]:
    """End the process with one sentence on stderr when what happens inside is refused."""
    try:
        yield
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        note(f"oo: {refusal.sentence}")
        sys.exit(refusal.exit_code)


def refusal_of(error: BaseException) -> Refusal | None:
    """Return what to say about an error; None for an unexpected one, which needs its traceback."""
    if isinstance(error, OOError):
        return Refusal(str(error), USAGE if isinstance(error, Misused) else REFUSED)
    if _is(error, "pydantic", "ValidationError"):
        return Refusal(_setting(error), USAGE)
    if any(_is(error, module, name) for module, name in DATABASE_ERRORS):
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        return Refusal(f"the database cannot be used: {said}", REFUSED)
    if isinstance(error, OSError):
        named = error.strerror and error.filename
        return Refusal(f"{error.filename}: {error.strerror}" if named else str(error), REFUSED)
    return None


def _is(error: BaseException, module: str, name: str) -> bool:
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(error, kind)


def _setting(error: BaseException) -> str:
    """Return the first wrong setting, by the name of its variable, without its value."""
    first = error.errors()[0]  # type: ignore[attr-defined]  # a ValidationError, whose module may not be loaded
    name = str(first["loc"][0]) if first["loc"] else "a setting"
    variable = name if name.isupper() else f"OO_{name.upper()}"
    return f"{variable}: {first['msg'].removeprefix('Value error, ')}"
