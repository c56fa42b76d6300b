"""Request and response models of push sources."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from data_contracts.signals.kinds import SIGNALS
from infra.database.push_sources.push_sources import Form

Kind = Annotated[str, Field(json_schema_extra={"enum": list(SIGNALS)})]


class SourceIn(BaseModel):
    """A device with a token, or a webhook that signs what it sends."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="the `source` that its signals bear")
    form: Form
    kinds: list[Kind] = Field(min_length=1, max_length=32, description="the kinds of signals that it may bring")


class SourceOut(BaseModel):
    """A source as its person sees it."""

    name: str
    form: Form
    kinds: list[str]
    push_url: str
    created_at: datetime
    seen_at: datetime | None = Field(description="when it last pushed, to the hour")


class SourcesOut(BaseModel):
    """A person's sources, oldest first."""

    sources: list[SourceOut]


class MintedOut(BaseModel):
    """A source with its credential, which is shown this once."""

    source: SourceOut
    credential: str
