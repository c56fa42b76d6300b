"""Partitions of people among stream processors, by a hash of their pseudonym."""

import re
from typing import NamedTuple
from zlib import crc32

from data_contracts.errors import Malformed
from data_contracts.identifiers import PersonId

__all__ = ["EVERYBODY", "Share", "share_of"]


class Share(NamedTuple):
    """The `part`-th of so many parts, counted from 1."""

    part: int = 1
    parts: int = 1

    def holds(self, person: PersonId) -> bool:
        """Whether a person is in this part; each person is in exactly one."""
        return crc32(person.encode()) % self.parts == self.part - 1

    @property
    def durable(self) -> str:
        """The name of the consumer that remembers how far this part has read."""
        return "fold" if self.parts == 1 else f"fold-{self.part}-of-{self.parts}"


EVERYBODY = Share()


def share_of(text: str | None) -> Share:
    """Return the share that reads `2/3`; raises `Malformed`."""
    if text is None:
        return EVERYBODY
    found = re.fullmatch(r"(\d{1,3})/(\d{1,3})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise Malformed(f"a share reads <part>/<parts>, such as 2/3, not {text!r}")
    return Share(int(found[1]), int(found[2]))
