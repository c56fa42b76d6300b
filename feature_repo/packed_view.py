"""The stored form of one part of the served row: exact, small, and read in microseconds.

A version byte, the length of each list as uint16, all integers as little-endian int64 in field order, then all keys
joined by newlines. JSON says the same in more bytes and takes five times as long to read on the hot path.
"""

import struct
from functools import lru_cache
from typing import Any, NamedTuple, get_type_hints

from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.served import VIEWS, Ints, Texts

VERSION = 1
SEPARATOR = "\n"


class Layout(NamedTuple):
    """The kind of each field of a view: True for a list, and then whether it holds keys."""

    lists: tuple[bool, ...]
    keys: tuple[bool, ...]
    lengths: struct.Struct


def _layout(part: type[NamedTuple]) -> Layout:
    hints = get_type_hints(part)
    kinds = [hints[name] for name in part._fields]
    lists = tuple(kind in {Ints, Texts} for kind in kinds)
    return Layout(lists, tuple(kind == Texts for kind in kinds), struct.Struct(f"<B{sum(lists)}H"))


LAYOUTS = {source: _layout(part) for source, part in VIEWS.items()}
_LAYOUT_OF = {part: LAYOUTS[source] for source, part in VIEWS.items()}


@lru_cache(maxsize=8_192)
def _integers(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}q")


def pack_view(part: NamedTuple) -> bytes:
    """Return the stored form of a part; raises `Malformed` when a key holds a newline."""
    layout = _LAYOUT_OF[type(part)]
    lengths: list[int] = []
    integers: list[int] = []
    keys: list[str] = []
    for value, is_list, is_keys in zip(part, layout.lists, layout.keys, strict=True):
        if not is_list:
            integers.append(value)
            continue
        lengths.append(len(value))
        (keys if is_keys else integers).extend(value)
    text = SEPARATOR.join(keys)
    if text.count(SEPARATOR) != max(len(keys) - 1, 0):
        raise Malformed("a key of the served row holds a newline")
    return b"".join((layout.lengths.pack(VERSION, *lengths), _integers(len(integers)).pack(*integers), text.encode()))


def unpack_view(source: Source, payload: bytes) -> NamedTuple:
    """Return the part of its stored form; raises `Malformed` when it is none."""
    layout = LAYOUTS[source]
    try:
        version, *lengths = layout.lengths.unpack_from(payload)
        sizes = iter(lengths)
        ends = [next(sizes) if is_list else 1 for is_list in layout.lists]
        reader = _integers(sum(size for size, is_keys in zip(ends, layout.keys, strict=True) if not is_keys))
        integers = reader.unpack_from(payload, layout.lengths.size)
        text = payload[layout.lengths.size + reader.size :].decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise Malformed(f"a stored view of {source.value} is damaged: {error}") from error
    keys = tuple(text.split(SEPARATOR)) if text else ()
    if version != VERSION or len(keys) != sum(ends) - len(integers):
        raise Malformed(f"a stored view of {source.value} has a form that this version does not know")
    fields: list[Any] = []
    at = key_at = 0
    for size, is_list, is_keys in zip(ends, layout.lists, layout.keys, strict=True):
        if is_keys:
            fields.append(keys[key_at : key_at + size])
            key_at += size
        else:
            fields.append(integers[at : at + size] if is_list else integers[at])
            at += size
    return VIEWS[source](*fields)
