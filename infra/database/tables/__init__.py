"""All tables of the application database; importing this package completes `Base.metadata`."""

from infra.database.tables.base import Base
from infra.database.tables.decisions import (
    ClusterBlockRow,
    DecisionRow,
    PersonPartRow,
    ReactionRow,
    RewardChangeRow,
    ShadowDecisionRow,
)
from infra.database.tables.events import DeadLetterRow, EventRow, FoldHeadRow, QuarantineRow, SourceFileRow, WorkingRow
from infra.database.tables.keys import KeyFingerprintRow
from infra.database.tables.people import (
    ConsentRow,
    LoginLinkRow,
    PersonRow,
    SessionRow,
    TextRow,
    TombstoneRow,
)
from infra.database.tables.policies import (
    AuditChainRow,
    AuditRow,
    ChampionSlotRow,
    ExperimentRow,
    LearningReportRow,
    PolicyRow,
    ShadowComparisonRow,
)
from infra.database.tables.push_sources import DeliveryRow, PushKeyRow, PushSourceRow

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
    "PersonPartRow",
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
