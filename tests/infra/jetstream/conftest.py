"""A real nats-server for the session, and an empty stream for each test."""

import asyncio
from collections.abc import Iterator

import pytest

from infra.mirror.jetstream.bundled_server import BundledServer
from infra.mirror.jetstream.connection import connected
from infra.mirror.jetstream.stream_config import STREAM
from infra.network_addresses import free_port


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BundledServer]:
    """Start the bundled server once."""
    folder = tmp_path_factory.mktemp("nats")
    with BundledServer(folder / "nats", folder / "keys", port=free_port()) as server:
        yield server


async def _empty(url: str) -> None:
    async with connected(url, for_ever=False) as client:
        js = client.jetstream()
        for stream in await js.streams_info():
            if stream.config.name == STREAM:
                await js.delete_stream(STREAM)


@pytest.fixture
def nats_url(nats_server: BundledServer) -> str:
    """Return the address of a server without our stream."""
    asyncio.run(_empty(nats_server.url))
    return nats_server.url
