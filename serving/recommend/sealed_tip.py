"""The sealed words of a given tip: one JSON per decision, so that an active tip is returned as it was given."""

import json
from datetime import UTC, datetime
from typing import NamedTuple

from data_contracts.answers import TipView
from data_contracts.errors import Malformed
from data_contracts.identifiers import CandidateId, DecisionId, PersonId
from data_contracts.sealing import Sealer
from data_contracts.tips import TipKind, Topic

FIELD = "tip"
ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Words(NamedTuple):
    """What a person sees of a tip, and what keeping it open depends on."""

    id: CandidateId
    text: str
    kind: TipKind
    topic: Topic
    effort_min: int
    why: str
    why_now: str
    needs: int  # consent bits of every source that the tip speaks from

    def view(self, expires_us: int) -> TipView:
        """Return the tip as it is answered; `expires_at` is to the second."""
        expires_at = datetime.fromtimestamp(expires_us // 1_000_000, UTC)
        return TipView(self.id, self.text, self.kind, self.topic, self.effort_min, expires_at, self.why, self.why_now)


def seal_words(vault: Sealer, person: PersonId, decision: DecisionId, words: Words) -> bytes:
    """Return the words as they are kept, bound to the person and the decision."""
    return vault.seal(person, f"{FIELD}|{decision}", ENCODER.encode(words).encode())


def open_words(vault: Sealer, person: PersonId, decision: DecisionId, box: bytes) -> Words:
    """Return the words; raises `Malformed` when the box is none of this decision."""
    try:
        name, text, kind, topic, effort, because, now, needs = json.loads(
            vault.open(person, f"{FIELD}|{decision}", box)
        )
    except ValueError as error:
        raise Malformed("the words of a tip are damaged") from error
    return Words(name, text, TipKind(kind), Topic(topic), effort, because, now, needs)


__all__ = ["FIELD", "Words", "open_words", "seal_words"]
