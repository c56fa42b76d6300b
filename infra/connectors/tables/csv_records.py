"""Reads CSV with three delimiters, any line ends and quoted newlines, with the right line number of each row."""

import csv
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from infra.connectors.connector import FileRefused, Reading, Refused
from infra.connectors.text_files import head, is_clean, open_text

DELIMITERS = (",", ";", "\t")
MAX_ROW = 65_536
MAX_ROW_LINES = 100  # a quotation mark that stays open longer was not meant to be one


class Record(NamedTuple):
    """One row: the number of its first line, its cells by column, and its text."""

    line: int
    cells: Mapping[str, str]
    raw: str


def header(text: str) -> tuple[str, list[str]]:
    """Return the delimiter and the column names, in lower case, of the first line that is not empty."""
    first = next((line for line in text.splitlines() if line.strip()), "")[:MAX_ROW]
    delimiter = max(DELIMITERS, key=first.count)
    cells = next(csv.reader([first], delimiter=delimiter), [])
    return delimiter, [cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in cells]


def columns(names: list[str], aliases: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    """Return the position of each column that the aliases know; the first alias that is there counts."""
    found = {
        column: next((names.index(alias) for alias in known if alias in names), -1) for column, known in aliases.items()
    }
    return {column: position for column, position in found.items() if position >= 0}


def records(
    reading: Reading, aliases: Mapping[str, tuple[str, ...]], required: tuple[str, ...], *, ragged: bool = False
) -> Iterator[Record | Refused]:
    """Yield the rows below the header; raises `FileRefused` when the header lacks a required column."""
    with open_text(reading.path) as stream:
        delimiter, names = header(head(reading.path))
        wanted = columns(names, aliases)
        known = [name for name in names if name]
        if len(set(known)) != len(known) or not set(required) <= wanted.keys():
            raise FileRefused(reading.path, "bad_header", 1)
        rows = _rows(enumerate(stream, start=1), delimiter, reading)
        for row in rows:  # the header
            if not isinstance(row, Refused):
                break
        for row in rows:
            yield row if isinstance(row, Refused) else _record(row, delimiter, names, wanted, reading, ragged=ragged)


def _record(
    row: tuple[int, str], delimiter: str, names: list[str], wanted: Mapping[str, int], reading: Reading, *, ragged: bool
) -> Record | Refused:
    line, text = row
    if not is_clean(text):
        return reading.refuse(line, "invalid_utf8", text)
    if len(text) > MAX_ROW:
        return reading.refuse(line, "row_too_long", text)
    cells = next(csv.reader([text], delimiter=delimiter), [])
    if len(cells) > len(names) and not any(cell.strip() for cell in cells[len(names) :]):
        cells = cells[: len(names)]  # a trailing delimiter
    if len(cells) != len(names) and not (ragged and len(cells) < len(names)):
        return reading.refuse(line, "wrong_columns", text)
    return Record(line, {name: cells[at].strip() for name, at in wanted.items() if at < len(cells)}, text)


def _rows(lines: Iterator[tuple[int, str]], delimiter: str, reading: Reading) -> Iterator[tuple[int, str] | Refused]:
    """Join the lines of a quoted newline; where a quotation mark never closes, refuse its line and go on below it."""
    waiting: list[tuple[int, str]] = []
    while True:
        first = waiting.pop(0) if waiting else next(lines, None)
        if first is None:
            return
        number, text = first
        if not text.strip():
            continue
        taken: list[tuple[int, str]] = []
        while (unclosed := _is_open(text, delimiter)) and len(taken) < MAX_ROW_LINES:
            following = waiting.pop(0) if waiting else next(lines, None)
            if following is None:
                break
            taken.append(following)
            text += following[1]
        if unclosed:
            waiting = taken + waiting
            yield reading.refuse(number, "unclosed_quote", first[1])
        else:
            yield number, text.rstrip("\n")


def _is_open(text: str, delimiter: str) -> bool:
    """Return whether a quotation mark waits for its partner: then, and only then, a row swallows the next line."""
    return '"' in text and len(text) <= MAX_ROW and len(list(csv.reader([text, ""], delimiter=delimiter))) == 1
