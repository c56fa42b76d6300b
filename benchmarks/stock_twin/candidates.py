"""Candidates as the twin keeps them: one JSON object each, conditions by the position of their feature."""

from collections.abc import Sequence
from typing import Any

from data_contracts.features import POSITION
from data_contracts.identifiers import CandidateId, ClusterId, SubjectKey, from_us, to_us
from data_contracts.tips import Candidate, Condition, TipKind, Topic
from models.rewards.action_features import Prepared, prepare


def to_json(candidate: Candidate, needs: Sequence[Condition], why: str, lasts_min: int) -> dict[str, Any]:
    """Return the stored form."""
    return {
        "id": candidate.id,
        "template": candidate.template,
        "text": candidate.text,
        "kind": candidate.kind.value,
        "topic": candidate.topic.value,
        "effort_min": candidate.effort_min,
        "cluster": candidate.cluster,
        "source": candidate.source,
        "expires_us": to_us(candidate.expires_at),
        "opens_us": to_us(candidate.opens_at) if candidate.opens_at else 0,
        "conditions": [[POSITION[each.feature], each.low, each.high] for each in needs],
        "subject": candidate.subject,
        "due_us": candidate.due_us,
        "priority": candidate.priority,
        "from_min": candidate.from_min,
        "until_min": candidate.until_min,
        "lasts_min": lasts_min,
        "why": why,
    }


def prepared(stored: Sequence[dict[str, Any]]) -> Prepared:
    """Return the arrays that the policy's arithmetic works on."""
    return prepare(
        Candidate(
            id=CandidateId(each["id"]),
            template=each["template"],
            text=each["text"],
            kind=TipKind(each["kind"]),
            topic=Topic(each["topic"]),
            effort_min=each["effort_min"],
            cluster=ClusterId(each["cluster"]),
            source=each["source"],
            expires_at=from_us(each["expires_us"]),
            subject=SubjectKey(each["subject"]) if each["subject"] else None,
            due_us=each["due_us"],
            priority=each["priority"],
            from_min=each["from_min"],
            until_min=each["until_min"],
        )
        for each in stored
    )
