"""Evicts erased people from the caches of this process, whichever process erased them."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from data_contracts.identifiers import PersonId
from infra.database.people import people
from oo.runtime import Runtime


class Memory(NamedTuple):
    """Something that remembers people: whom, and how it forgets one."""

    remembered: Callable[[], set[PersonId]]
    forget: Callable[[PersonId], None]


def memories(runtime: Runtime) -> tuple[Memory, ...]:
    """Return everything in a runtime that caches people between two requests."""
    stream, pools, vault = runtime.stores.stream, runtime.serving.pools, runtime.vault
    packets = runtime.stores.online.packets
    return (
        Memory(stream.remembered, stream.drop),
        Memory(pools.remembered, pools.forget),
        Memory(vault.remembered, vault.drop),
        Memory(packets.remembered, packets.forget),
    )


def forget_who_left(runtime: Runtime, known: Sequence[Memory]) -> int:
    """Forget everybody who is remembered and is not here any more, or is leaving; return how many that were.

    It asks the database, not the bus: the erasure may have happened in another process.
    """
    remembered = set[PersonId]().union(*(memory.remembered() for memory in known))
    if not remembered:
        return 0
    with runtime.database.read() as session:
        gone = remembered - people.present(session, remembered)
    for person in gone:
        for memory in known:
            memory.forget(person)
    return len(gone)
