"""What serving returns and the API passes on: a recommendation, a reaction's effect, a receipt, a verdict."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from data_contracts.identifiers import CandidateId, DecisionId, EventId, PolicyDigest
from data_contracts.tips import TipKind, Topic


@dataclass(frozen=True, slots=True)
class TipView:
    """The one tip as a person sees it; `text`, `why` and `why_now` are personal."""

    id: CandidateId
    text: str
    kind: TipKind
    topic: Topic
    effort_min: int
    expires_at: datetime
    why: str
    why_now: str


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One answer: a tip, or silence with its reason; `repeated` when an earlier decision still holds."""

    tip: TipView | None
    decision_id: DecisionId | None  # None when nothing could be decided, and `fallback` then says why
    reason: str
    repeated: bool = False
    fallback: str | None = None  # the name of what was degraded


@dataclass(frozen=True, slots=True)
class ReactionResult:
    """What a reaction did; `applied` is false when the same one had arrived before."""

    applied: bool
    reward: float | None  # in [0, 1]; None once a reaction was undone
    posterior_version: int


@dataclass(frozen=True, slots=True)
class ReceiptFeature:
    """One feature of the logged vector and what it added to the chosen action's score."""

    name: str
    value: float
    contribution: float
    source: str
    age_s: int  # -1 where the source had no fact
    masked: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """Why a decision fell as it did, from its log; the contributions sum to the chosen action's score."""

    probability: float
    explored: bool
    policy_digest: PolicyDigest
    posterior_version: int
    seed: int
    features: tuple[ReceiptFeature, ...]
    left_out: tuple[str, ...] = ()  # a sentence for each source that was too old to go by


class SignalStatus(StrEnum):
    """What became of one pushed signal."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class SignalVerdict:
    """The fate of one signal; `rule` names what a quarantined one broke."""

    id: EventId | None  # None when the signal had no readable one
    status: SignalStatus
    rule: str | None = None
