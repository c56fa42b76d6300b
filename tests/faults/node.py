"""A process of the platform under fault: it takes events in, relays and follows them, and notes what it acknowledged.

`python -m tests.faults.node <home> <nats url> <ledger> <first number>`; the ledger lies outside the system, and a
line is on the disk before the next event is begun. It runs until somebody kills it, or until a crash point does.
"""

import os
import sys
from itertools import count
from pathlib import Path

from data_contracts.identifiers import PersonId, to_us
from flows.following import Following
from flows.parts import opened
from infra.clock import system_clock
from infra.jetstream.follower import follower
from infra.jetstream.publisher import publisher
from infra.relay import Relay
from infra.settings import Settings
from tests.flows import people

PEOPLE = 4


def person(number: int) -> PersonId:
    """Return whose event the number is."""
    return PersonId(f"{number % PEOPLE:032x}")


def main(home: str, url: str, ledger: str, first: int) -> None:
    """Take events in until the end."""
    with opened(Settings(home=Path(home))) as parts:
        relay = Relay(parts.database, system_clock, lambda: publisher(url))
        following = Following(parts.database, parts.stream, system_clock, lambda: follower(url, "fold"))
        parts.database.bus.subscribe(relay.handle)
        descriptor = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        with relay, following:
            for number in count(first):
                event = people.task(person(number), number % 50, to_us(system_clock()), state=1 + number % 2)
                people.append(parts.database, [event])
                os.write(descriptor, f"{event.person}/{event.id}\n".encode())
                os.fsync(descriptor)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
