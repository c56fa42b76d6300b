"""The body of a push, read only for who may push."""

from typing import Annotated

from fastapi import Depends, Request

from api.dependencies import CurrentPerson
from api.signals.schemas import SignalsIn
from api.signals.service import read


async def read_signals(request: Request, _: CurrentPerson) -> SignalsIn:
    """Return the signals of this request."""
    return read(await request.body())


SignalsBody = Annotated[SignalsIn, Depends(read_signals)]
