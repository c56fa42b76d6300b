"""Opens imported files safely, as UTF-8 lines; a refusal is one sentence."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from infra.connectors.connector import FileRefused

MAX_BYTES = 256 * 1024 * 1024
HEAD = 4_096


def check(path: Path) -> None:
    """Raise `FileRefused` for what is no file, is empty or is too large."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise FileRefused(path, "missing_file") from error
    except (OSError, ValueError) as error:  # no permission, a loop of links, a name with a null character
        raise FileRefused(path, "unreadable") from error
    if stat.S_ISDIR(found.st_mode):
        raise FileRefused(path, "is_a_folder")
    if not stat.S_ISREG(found.st_mode):
        raise FileRefused(path, "not_a_file")  # opening a pipe would wait for ever
    if found.st_size == 0:
        raise FileRefused(path, "empty_file")
    if found.st_size > MAX_BYTES:
        raise FileRefused(path, "file_too_large")


def head(path: Path) -> str:
    """Return the first characters of a file that passed `check`."""
    try:
        with path.open("rb") as stream:
            first = stream.read(HEAD)
    except OSError as error:
        raise FileRefused(path, "unreadable") from error
    if first.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in first:
        raise FileRefused(path, "not_text")
    text = first.decode("utf-8-sig", "ignore")
    if not text.strip():
        raise FileRefused(path, "empty_file")
    return text


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a file as UTF-8 with or without byte order mark; a broken byte becomes a lone surrogate (see `is_clean`)."""
    check(path)
    try:
        stream = path.open(encoding="utf-8-sig", errors="surrogateescape", newline=None)
    except OSError as error:
        raise FileRefused(path, "unreadable") from error
    with stream:
        yield stream


def is_clean(text: str) -> bool:
    """Return whether every byte of the text was valid UTF-8."""
    if text.isascii():
        return True
    return not any("\ud800" <= character <= "\udfff" for character in text)
