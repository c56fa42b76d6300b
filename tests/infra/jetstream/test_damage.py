"""A damaged file of the stream is never served silently: what it lost is seen and filled again."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from data_contracts.identifiers import PersonId, to_us
from infra.clock import fixed_clock
from infra.database import mirror_log
from infra.database.engine import Database
from infra.jetstream.bundled import BundledServer, free_port
from infra.jetstream.comparing import compare, empty
from tests.faults.damage import flip, truncate
from tests.flows import people
from tests.infra.jetstream.mirrors import content, relay_of, wait_until, waiting

COUNT = 400


@pytest.mark.parametrize("harm", ["flipped", "truncated"])
def test_a_damaged_block_is_seen_and_filled_again(
    database: Database, person: PersonId, now: datetime, tmp_path: Path, harm: str
) -> None:
    """Whatever the server still hands out has the bytes of the table; the rest is missing, and then it is not."""
    people.settle(database, person, now)
    people.append(database, [people.task(person, n, to_us(now) + n) for n in range(COUNT)])
    with BundledServer(tmp_path / "nats", tmp_path / "keys", port=free_port()) as server:
        with relay_of(database, server.url, fixed_clock(now)):
            wait_until(lambda: waiting(database) == 0)
        server.kill()
        blocks = list((server.folder / "store").rglob("OO_EVENTS/msgs/*.blk"))
        assert blocks
        for block in blocks:
            flip(block, 0.5) if harm == "flipped" else truncate(block, 0.5)
        for index in (server.folder / "store").rglob("OO_EVENTS/msgs/index.db"):
            index.unlink()  # a snapshot of the blocks' state, which a power loss takes too
        server.start()
        damaged = asyncio.run(compare(database, server.url, 0))
        assert damaged.missing > 0
        assert damaged.different == damaged.foreign == 0
        asyncio.run(empty(server.url))
        with database.unit_of_work() as uow:
            mirror_log.unmark_since(uow, 0)
            uow.commit()
        with relay_of(database, server.url, fixed_clock(now)):
            wait_until(lambda: waiting(database) == 0)
        assert asyncio.run(compare(database, server.url, 0)).sound
        assert len(content(server.url)) == damaged.events
