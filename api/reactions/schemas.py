"""Request models of reactions."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from data_contracts.rewards import ReactionKind

Token = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._:-]{1,64}$")]


class ReactionIn(BaseModel):
    """One reaction to one decision; sent again under the same key it changes nothing."""

    model_config = ConfigDict(extra="forbid")

    decision_id: Token
    kind: ReactionKind
    idempotency_key: Token
