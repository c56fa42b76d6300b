"""A connection to the mirror; the driver's errors become one of our own."""

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import nats
from nats.aio.client import Client
from nats.errors import Error

from data_contracts.errors import Unavailable

__all__ = ["connected", "own_errors"]

CONNECT_S = 2
PING_S = 5
logger = logging.getLogger(__name__)


@asynccontextmanager
async def connected(url: str, *, for_ever: bool) -> AsyncIterator[Client]:
    """Give a connection; one that lasts for ever comes back by itself, any other ends with its server.

    A caller that checks the mirror before its first publish on a connection must not be reconnected without notice.
    """
    with own_errors():
        client = await nats.connect(
            url,
            name="oo",
            connect_timeout=CONNECT_S,
            ping_interval=PING_S,
            allow_reconnect=for_ever,
            max_reconnect_attempts=-1 if for_ever else 1,
            reconnect_time_wait=0.25,
            error_cb=_note,
            skip_subject_validation=True,  # ours are made of kinds and pseudonyms
        )
    try:
        yield client
    finally:
        await client.close()


@contextmanager
def own_errors() -> Iterator[None]:
    """Raise `Unavailable` for whatever the driver, the server or the network refuse."""
    try:
        yield
    except (Error, OSError, TimeoutError) as error:
        # the message may name a subject, and so a pseudonym; its class says enough
        raise Unavailable(f"the mirror does not answer ({type(error).__name__})") from error


async def _note(error: Exception) -> None:
    logger.warning("the connection to the mirror reports %s", type(error).__name__)
