"""Statistics of the stream: first and last message, gaps, and how full it is."""

import json
from contextlib import suppress

from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError

from infra.mirror.jetstream.connection import connected, own_errors
from infra.mirror.jetstream.stream_config import MAX_BYTES, STREAM
from infra.mirror.reconciler import Extent

__all__ = ["extent"]


async def extent(url: str) -> Extent:
    """Return the extent of the stream, an empty one when it was never made; raises `Unavailable`."""
    async with connected(url, for_ever=False) as client:
        with own_errors(), suppress(NotFoundError):
            await client.jetstream().stream_info(STREAM)  # answers plainly when there is none
            # the driver's own call cannot ask for the missing places
            answer = await client.request(f"$JS.API.STREAM.INFO.{STREAM}", b'{"deleted_details": true}', timeout=5)
            info = StreamInfo.from_response(json.loads(answer.data))
            state = info.state
            return Extent(
                state.first_seq,
                state.last_seq,
                frozenset(state.deleted or ()),
                state.bytes / (info.config.max_bytes or MAX_BYTES),
            )
    return Extent()
