"""A push as a dependency: the sender is authenticated before the body is read."""

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from api.signals.authentication import admit
from api.signals.schemas import SignalsIn
from api.signals.service import read
from api.signals.validation import Pusher


class Push(NamedTuple):
    """The signals of one request, and who brings them."""

    pusher: Pusher
    signals: SignalsIn


async def read_push(request: Request) -> Push:
    """Return the push of this request."""
    pusher, body = await admit(request)
    return Push(pusher, read(body))


PushBody = Annotated[Push, Depends(read_push)]
