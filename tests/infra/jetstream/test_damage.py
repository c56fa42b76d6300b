"""A damaged file of the stream is never served silently: what it lost is seen and sent again, and counts once."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from data_contracts.identifiers import PersonId, to_us
from data_contracts.state_rows import StoredRow
from feature_repo.online import OnlineFile
from flows.stream.mirror_consumer import MirrorConsumer
from flows.stream.processor import Stream
from infra.clock import fixed_clock
from infra.database.engine.database import Database
from infra.database.events import working_state
from infra.database.events.working_state import FoldHead
from infra.mirror.jetstream.bundled_server import BundledServer
from infra.mirror.jetstream.consumer import open_consumer
from infra.mirror.jetstream.mirror_comparison import compare
from infra.mirror.jetstream.stream_stats import extent
from infra.mirror.reconciler import MirrorReconciler
from infra.network_addresses import free_port
from tests.faults.damage import flip, truncate
from tests.flows import people
from tests.infra.jetstream.mirrors import content, relay_of, wait_until, waiting

COUNT = 400


def folded(database: Database, person: PersonId) -> tuple[FoldHead, list[StoredRow]]:
    """Return all that the fold has written of a person."""
    with database.read() as session:
        return working_state.head(session, person), working_state.load(session, person)


@pytest.mark.parametrize("harm", ["flipped", "truncated"])
def test_a_damaged_block_mends_itself(
    database: Database, person: PersonId, now: datetime, tmp_path: Path, harm: str
) -> None:
    """What the server still hands out has the bytes of the table; the rest comes again and changes nothing."""
    clock = fixed_clock(now)
    stream = Stream(database=database, online=OnlineFile(tmp_path / "online.db"), clock=clock)
    people.settle(database, person, now)
    people.append(database, [people.task(person, n, to_us(now) + n) for n in range(COUNT)])
    stream.fold_all()
    before = folded(database, person)
    with BundledServer(tmp_path / "nats", tmp_path / "keys", port=free_port()) as server:
        with relay_of(database, server.url, clock):
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
        watch = MirrorReconciler(database, clock, lambda: asyncio.run(extent(server.url)))
        watch.look()
        assert watch.gap == watch.mended == damaged.missing
        processor = MirrorConsumer(database, stream, clock, lambda: open_consumer(server.url, "fold"))
        with relay_of(database, server.url, clock), processor:
            wait_until(lambda: waiting(database) == 0)
            wait_until(lambda: processor.state.handled == damaged.events)
        assert asyncio.run(compare(database, server.url, 0)) == damaged._replace(missing=0)
        assert len(content(server.url)) == damaged.events
        watch.look()
        assert (watch.gap, watch.mended) == (0, damaged.missing)
    assert folded(database, person) == before
