"""What the composition root injects into the API: infrastructure, and serving behind protocols."""

import secrets
from dataclasses import dataclass
from typing import Protocol

from data_contracts.answers import ReactionResult, Receipt, Recommendation
from data_contracts.decisions import Trigger
from data_contracts.identifiers import DecisionId, PersonId, RandomBytes
from data_contracts.rewards import ReactionKind
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.health import Health
from infra.vault import Vault


class Recommender(Protocol):
    """One tip, now; called on the event loop, so it must not block."""

    async def recommend(
        self, person: PersonId, trigger: Trigger, *, session_epoch: int | None = None
    ) -> Recommendation:
        """Return the answer, durable before it returns.

        Raises `Unauthenticated` when `session_epoch` is given and the epoch of the packed read is another one: so a
        revoked session ends at its next request without a read of its own. Raises `ErasedPerson`, `Unavailable`.
        """


class ReactionHandler(Protocol):
    """Takes what a person answered; called in a worker thread. All raise `NotFound` for another person's decision."""

    def shown(self, person: PersonId, decision: DecisionId) -> bool:
        """Record that the tip was really seen; return whether this was the first time."""

    def react(self, person: PersonId, decision: DecisionId, kind: ReactionKind, idempotency_key: str) -> ReactionResult:
        """Apply a reaction once per key; raises `Conflict` when the decision is a silence or is already closed."""

    def undo(self, person: PersonId, decision: DecisionId) -> ReactionResult:
        """Take the reaction back; raises `Conflict` after the undo window or when there is nothing to undo."""


class Receipts(Protocol):
    """Explains decisions from their log; called in a worker thread."""

    def receipt(self, person: PersonId, decision: DecisionId) -> Receipt:
        """Return the receipt; raises `NotFound` for an unknown decision and for another person's."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services that endpoints use; the composition root builds them once per process."""

    database: Database
    vault: Vault
    clock: Clock
    health: Health
    recommender: Recommender
    reactions: ReactionHandler
    receipts: Receipts
    random_bytes: RandomBytes = secrets.token_bytes
