"""Request and response models of preferences."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.clock_face import PATTERN
from infra.database.people.people import MAX_BUDGET

Face = Annotated[str, Field(pattern=PATTERN, description="a time of the local day, HH:MM")]
Zone = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        description="IANA name of the time zone, one that the server knows",
        json_schema_extra={"format": "time-zone"},
    ),
]
Budget = Annotated[int, Field(ge=0, le=MAX_BUDGET, description="tips a day that may interrupt")]


class PreferencesOut(BaseModel):
    """Zone, quiet hours (none when both ends are equal), and how many tips a day may interrupt."""

    zone: str
    quiet_from: Face
    quiet_until: Face
    budget: Budget


class PreferencesIn(BaseModel):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    zone: Zone | None = None
    quiet_from: Face | None = None
    quiet_until: Face | None = None
    budget: Budget | None = None
