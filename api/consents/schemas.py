"""Request and response models of consents."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from data_contracts.features import Source

SignalName = Literal["tasks", "calendar", "habits", "mood", "context", "tips"]


class ConsentOut(BaseModel):
    """One signal, what it is read for, and whether the person allows it."""

    signal: Source
    purpose: str
    granted: bool


class ConsentsOut(BaseModel):
    """Every signal that can be allowed, in the order of the feature table."""

    consents: list[ConsentOut]


class ConsentIn(BaseModel):
    """Grant or withdraw one signal."""

    model_config = ConfigDict(extra="forbid", strict=True)

    signal: SignalName
    granted: bool
