"""Request and response models of sign-in."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TokenIn(BaseModel):
    """The admin token of this installation."""

    model_config = ConfigDict(extra="forbid")

    token: SecretStr = Field(max_length=512)


class SessionOut(BaseModel):
    """The current session; one that the admin token opened belongs to no person and has no name."""

    name: str | None
    role: str
    expires_at: datetime
