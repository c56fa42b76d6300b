"""A connection that is not for ever fails at once where nobody listens."""

import asyncio

import pytest

from data_contracts.errors import Unavailable
from infra.mirror.jetstream.connection import connected
from infra.network_addresses import free_port


def test_nobody_there_is_a_refusal_and_not_a_wait() -> None:
    """Who looks once is told so; the relay counts it and comes again."""

    async def look() -> None:
        async with connected(f"nats://127.0.0.1:{free_port()}", for_ever=False):
            pass

    with pytest.raises(Unavailable):
        asyncio.run(asyncio.wait_for(look(), 20))
