"""Request models of tips."""

from pydantic import BaseModel, ConfigDict

from data_contracts.decisions import Trigger


class RecommendIn(BaseModel):
    """Who began: a person who opened the page, or a client that asks whether to interrupt."""

    model_config = ConfigDict(extra="forbid")

    trigger: Trigger = Trigger.OPEN


class ShownOut(BaseModel):
    """Whether this was the first time that the tip was seen."""

    first: bool
