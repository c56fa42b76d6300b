"""All tables of the application database; importing this package completes `Base.metadata`."""

from infra.database.decisions.tables import (
    ClusterBlockRow,
    DecisionRow,
    PersonPosteriorRow,
    ReactionRow,
    RewardChangeRow,
    ShadowDecisionRow,
)
from infra.database.engine.table_base import Base
from infra.database.events.tables import DeadLetterRow, EventRow, FoldHeadRow, QuarantineRow, SourceFileRow, WorkingRow
from infra.database.keys.tables import KeyFingerprintRow
from infra.database.people.tables import ConsentRow, LoginLinkRow, PersonRow, SessionRow, TextRow, TombstoneRow
from infra.database.policies.tables import (
    AuditChainRow,
    AuditRow,
    ChampionSlotRow,
    ExperimentRow,
    LearningReportRow,
    PolicyRow,
    ShadowComparisonRow,
)
from infra.database.push_sources.tables import DeliveryRow, PushKeyRow, PushSourceRow

__all__ = [
    "AuditChainRow",
    "AuditRow",
    "Base",
    "ChampionSlotRow",
    "ClusterBlockRow",
    "ConsentRow",
    "DeadLetterRow",
    "DecisionRow",
    "DeliveryRow",
    "EventRow",
    "ExperimentRow",
    "FoldHeadRow",
    "KeyFingerprintRow",
    "LearningReportRow",
    "LoginLinkRow",
    "PersonPosteriorRow",
    "PersonRow",
    "PolicyRow",
    "PushKeyRow",
    "PushSourceRow",
    "QuarantineRow",
    "ReactionRow",
    "RewardChangeRow",
    "SessionRow",
    "ShadowComparisonRow",
    "ShadowDecisionRow",
    "SourceFileRow",
    "TextRow",
    "TombstoneRow",
    "WorkingRow",
]
